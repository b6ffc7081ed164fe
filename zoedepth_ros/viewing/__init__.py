"""Looking at depth in Rerun: picture, depth, uncertainty, cloud and the router over time."""
