"""Recordings of ROS 2: read, copied whole and given depth, without a ROS installation."""
