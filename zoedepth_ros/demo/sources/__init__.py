"""Where the image source gets its images from: files, videos, webcams, rendered trajectories."""
