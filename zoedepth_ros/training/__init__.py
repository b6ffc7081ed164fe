"""Training: configuration, data, losses, optimizers and the training loop."""
