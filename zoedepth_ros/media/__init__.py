"""What people look at and keep: colour pictures, panels, PNG and PLY files."""
