"""The node's parameters, by what they are about."""
