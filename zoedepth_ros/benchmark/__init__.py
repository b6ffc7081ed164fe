"""Speed of the network and of the node, compared with baselines."""
