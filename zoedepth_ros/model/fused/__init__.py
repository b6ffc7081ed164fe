"""The network for inference: the same function as the reference network with fewer operations."""
