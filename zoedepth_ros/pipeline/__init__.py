"""Everything that happens to one camera's images apart from the network; no ROS, no torch."""
