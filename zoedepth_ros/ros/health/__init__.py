"""What the node reports about itself: statistics, status, diagnostics, causes of missing data."""
