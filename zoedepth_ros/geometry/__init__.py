"""Camera and space: intrinsics, rays, points, filters; numpy and OpenCV only."""
