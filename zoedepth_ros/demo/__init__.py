"""Programs around the node for users without a robot: image source, stream recorder, panels."""
