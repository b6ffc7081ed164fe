"""Rerun's viewer as a process of its own: its library can only listen on every interface."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any

LOCALHOST = '127.0.0.1'
WINDOW_PORT = 9876
"""Where a viewer with a window takes data; Rerun's own default."""

_START_S = 30.0
_END_S = 5.0
_SCREENS = ('DISPLAY', 'WAYLAND_DISPLAY', 'WAYLAND_SOCKET')


class ViewingError(ValueError):
    """Raised when nothing can be shown."""


class Viewer:
    """Own one viewer process."""

    def __init__(self, arguments: list[str], bind: str, data_port: int, *ports: int) -> None:
        """Start it and wait until it listens at `data_port`, and at `ports` besides.

        Raises ViewingError for an address that is none, a port that is taken, and a viewer that
        ends at once.
        """
        self._address = _own_address(bind)
        self.data_url = f'rerun+http://{_in_url(self._address)}:{data_port}/proxy'
        for port in (data_port, *ports):
            _refuse_taken(bind, port)
        command = [sys.executable, '-m', 'rerun_cli', '--bind', bind, '--port', str(data_port)]
        self._process = subprocess.Popen(
            [*command, *arguments],
            env={'RUST_LOG': 'warn', **os.environ},
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl+C is for us, and the group can be ended as a whole
        )
        try:
            self._wait((data_port, *ports))
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """End the viewer."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _wait(self, ports: tuple[int, ...]) -> None:
        until_s = time.monotonic() + _START_S
        while not all(listens(self._address, port) for port in ports):
            if self._process.poll() is not None or time.monotonic() > until_s:
                raise ViewingError('the viewer of Rerun did not start')
            time.sleep(0.05)


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


def listens(address: str, port: int) -> bool:
    """Return whether a server answers there."""
    try:
        socket.create_connection((address, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def require_screen() -> None:
    """Raise ViewingError, naming the other ways, where no window can be opened."""
    if sys.platform == 'linux' and not any(os.environ.get(name) for name in _SCREENS):
        raise ViewingError(
            'there is no screen to open a window on: --save FILE.rrd, or --serve for a browser'
        )


def browser_address(bind: str, web_port: int, data_port: int) -> str:
    """Return the page to open in a browser: on this machine, unless only others can reach it."""
    host = _in_url(_own_address(bind))
    host = 'localhost' if host == LOCALHOST else host
    return f'http://{host}:{web_port}/?url=rerun+http://{host}:{data_port}/proxy'


def is_open(bind: str) -> bool:
    """Return whether other machines can reach a server that listens there."""
    return not _ip(bind).is_loopback


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise ViewingError(
            f'--bind must be an address of this machine such as {LOCALHOST} (only this machine) '
            f'or 0.0.0.0 (every network), got {text!r}'
        ) from None


def _own_address(bind: str) -> str:
    """Return the address under which this process reaches a server that listens at `bind`."""
    return LOCALHOST if _ip(bind).is_unspecified else bind


def _in_url(address: str) -> str:
    return f'[{address}]' if ':' in address else address


def _refuse_taken(bind: str, port: int) -> None:
    family = socket.AF_INET6 if ':' in bind else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((bind, port))
        except OSError as error:
            raise ViewingError(f'cannot listen at {bind}, port {port}: {error.strerror}') from None
        except OverflowError as error:
            raise ViewingError(f'--port: {error}') from None
