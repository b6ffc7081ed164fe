"""The node's parameters: their definition, values per camera, and their ROS interface."""
