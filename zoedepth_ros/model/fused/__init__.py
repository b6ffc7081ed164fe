"""The network for inference: the same function as the trained one, with less work an image."""
