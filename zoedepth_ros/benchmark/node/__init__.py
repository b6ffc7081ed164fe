"""The part `node`: overhead and latency of the node, compared with a naive node."""
