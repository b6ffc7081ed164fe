"""The network: torch and timm only; no ROS, no files, no network access, no training."""
