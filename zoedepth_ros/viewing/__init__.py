"""Looking at depth in Rerun: image, depth, uncertainty, cloud and the router over time."""
