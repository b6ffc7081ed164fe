"""What is shown where in Rerun's viewer."""

from __future__ import annotations

from typing import Any


def blueprint() -> Any:
    """Return the maps on the left, the space above the router on the right."""
    import rerun.blueprint as rrb

    maps = rrb.Vertical(
        rrb.Spatial2DView(origin='camera', name='image'),
        rrb.Spatial2DView(origin='depth', name='depth [m]'),
        rrb.Spatial2DView(origin='uncertainty', name='uncertainty [m]'),
    )
    space = rrb.Vertical(
        rrb.Spatial3DView(
            origin='/', contents=['/points', '/camera/**'], name='points and camera'
        ),
        rrb.Horizontal(
            rrb.TimeSeriesView(origin='router', name='router: probability of the heads'),
            rrb.TextDocumentView(origin='about', name='about'),
            column_shares=[2, 1],
        ),
        row_shares=[3, 1],
    )
    return rrb.Blueprint(
        rrb.Horizontal(maps, space, column_shares=[1, 2]),
        rrb.TimePanel(state='collapsed'),
        collapse_panels=True,
    )
