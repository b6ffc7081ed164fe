"""What is exported: heads, names, and the nodes that stay in float32."""

from __future__ import annotations

INPUT = 'image'
BOTH = 'both'
_HALVED = ('network.backbone', 'network.decoder')  # modules of FixedGraph


def must_be_float32(scopes: str) -> bool:
    """Return whether a node must stay in float32; scopes: its modules, outermost first."""
    return not any(f"'{part}'" in scopes for part in _HALVED)


def chosen_heads(head: str, available: tuple[str, ...]) -> tuple[str, ...]:
    """Return the heads to export.  Raises ValueError for an unknown head."""
    if head == BOTH and len(available) > 1:
        return available
    if head in available:
        return (head,)
    choices = (*available, BOTH) if len(available) > 1 else available
    raise ValueError(f'no head {head!r} to export: this model takes {", ".join(choices)}')
