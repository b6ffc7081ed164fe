"""Everything around the network: the node beside one written the usual way, between processes."""
