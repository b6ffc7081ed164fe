"""Metric depth from one ordinary camera: ZoeDepth on ROS 2."""
