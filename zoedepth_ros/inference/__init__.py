"""From an image to a depth map: preparation, head policy, predictor; no ROS, no files."""
