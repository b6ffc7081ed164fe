"""What people look at and keep: colour images, panels, PNG and PLY files."""
