"""The recordings of the demo: a ROS 2 bag and a Rerun recording."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from demo_processes import end_with_parent

BAG, RERUN = 'demo.mcap', 'demo.rrd'
DEPTH = 'depth/image'
RECORDINGS = (BAG, RERUN, f'{BAG}.partial')
RERUN_DECIMATION = 3  # all points would be half a gigabyte
RERUN_LIMIT_S = 300.0


def recordings_text(out: Path, report: Mapping[str, Any], zoedepth: Path) -> list[str]:
    """Make the Rerun recording of the bag; return what was recorded and how to view it.

    zoedepth: the executable.
    """
    recording = report['recording']
    if not recording.get('file'):
        return [f'no recording: {recording.get("error") or "none was requested"}']
    bag, rerun = (shown(out / name) for name in (BAG, RERUN))
    view, viewer = (shown(Path(sys.prefix) / 'bin' / name) for name in ('zoedepth', 'rerun'))
    received = report['topics'].get(DEPTH, {}).get('messages', 0)
    recorded = recording['messages'].get(DEPTH, 0)
    part = f', {recorded} of {received} images' if recorded < received else ''
    lines = [
        f'the stream as a ROS 2 bag ({recording["size_mb"]:.0f} MB{part}): {view} view {bag}; '
        f'with ROS 2: ros2 bag play {bag}'
    ]
    error = make_rerun(out, zoedepth)
    if error:
        return [*lines, f'no Rerun recording: {error}']
    size_mb = (out / RERUN).stat().st_size * 1e-6
    return [*lines, f'the stream as a Rerun recording ({size_mb:.0f} MB): {viewer} {rerun}']


def make_rerun(out: Path, zoedepth: Path) -> str:
    """Write the Rerun recording; returns the error, '' for none."""
    command = [sys.executable, zoedepth, 'view', out / BAG, '--save', out / RERUN]
    command += ['--cloud-decimation', str(RERUN_DECIMATION)]
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=RERUN_LIMIT_S,
            preexec_fn=end_with_parent,
        )
    except subprocess.TimeoutExpired:
        return f'not finished within {RERUN_LIMIT_S:.0f} s'
    if done.returncode == 0:
        return ''
    (out / RERUN).unlink(missing_ok=True)
    last = (done.stderr.strip().splitlines() or [f'exit code {done.returncode}'])[-1]
    return last.removeprefix('zoedepth: error: ')


def shown(path: Path) -> str:
    """Return a path for a shell, relative to this folder if it is inside."""
    relative = os.path.relpath(path)
    return shlex.quote(str(path) if relative.startswith('..') else relative)
