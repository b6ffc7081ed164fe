"""Where pictures come from when there is no camera driver; knows no ROS."""
