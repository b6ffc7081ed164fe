"""Rerun's viewer as a process of its own: its library can only listen on every interface."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from typing import Any

LOCALHOST = '127.0.0.1'
WINDOW_PORT = 9876
"""Where a viewer with a window takes data; Rerun's own default."""

_START_S = 30.0
_SCREENS = ('DISPLAY', 'WAYLAND_DISPLAY', 'WAYLAND_SOCKET')


class ViewingError(ValueError):
    """Raised when nothing can be shown."""


def open_viewer() -> str:
    """Open the viewer's window unless one is open; gives the address that takes data.

    The viewer stays when this process ends.  Raises ViewingError if it does not start.
    """
    if not _listens():
        arguments = ['--bind', LOCALHOST, '--port', str(WINDOW_PORT), '--expect-data-soon']
        process = subprocess.Popen(
            [sys.executable, '-m', 'rerun_cli', *arguments],
            env={'RUST_LOG': 'warn', **os.environ},
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl+C is for this command
        )
        until_s = time.monotonic() + _START_S
        while not _listens():
            if process.poll() is not None or time.monotonic() > until_s:
                process.terminate()
                raise ViewingError('the viewer of Rerun did not start')
            time.sleep(0.05)
    return f'rerun+http://{LOCALHOST}:{WINDOW_PORT}/proxy'


def _listens() -> bool:
    """Return whether a viewer takes data on this machine."""
    try:
        socket.create_connection((LOCALHOST, WINDOW_PORT), timeout=1.0).close()
    except OSError:
        return False
    return True


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


def require_screen() -> None:
    """Raise ViewingError, naming the other way, where no window can be opened."""
    if sys.platform == 'linux' and not any(os.environ.get(name) for name in _SCREENS):
        raise ViewingError(
            'there is no screen to open a window on: write a file with --save FILE.rrd'
        )
