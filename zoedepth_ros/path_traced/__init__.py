"""Training images of rooms and of places where a robot grasps, path-traced by Mitsuba."""
