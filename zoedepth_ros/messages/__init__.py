"""ROS messages to arrays and back; duck-typed, for rclpy messages and those of a bag reader."""
