"""What the recorder makes of a stream: numbers, a picture, a report; knows no ROS."""
