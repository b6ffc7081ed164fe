"""Inference: preprocessing, predictors, runtimes, fallbacks; no ROS."""
