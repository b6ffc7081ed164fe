"""The door to ROS: conversions, parameters, nodes; imports no torch."""
