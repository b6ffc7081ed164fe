"""Camera geometry: intrinsics, rays, points, filters, ground, scans; NumPy and OpenCV only."""
