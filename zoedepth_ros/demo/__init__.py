"""Programs around the node for people without a robot, and what `make demo` draws."""
