"""One of the small nodes in a process of its own."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import ros_harness
from waiting import PATIENCE_S

EXECUTABLES = {'ros.main': 'depth_node', 'demo.stream_recorder': 'stream_recorder'}
UNHURRIED = (
    'import faulthandler; dump_later = faulthandler.dump_traceback_later; '
    'faulthandler.dump_traceback_later = '
    f'lambda limit_s, **how: dump_later({0.5 * PATIENCE_S}, **how); '
)
"""Code that gives the end of a process longer than STUCK_AFTER_S: the machine may be busy."""


class ToolProcess(ros_harness.NodeProcess):
    """Run `main` of a module of the package with parameters."""

    def __init__(
        self,
        module: str,
        *,
        moments: Sequence[str] = (),
        namespace: str = '',
        debug: bool = False,
        **parameters: object,
    ) -> None:
        """moments: modules and files whose names the process prints when it imports or opens them.

        With these the installed executable runs.  debug: whether a recorder logs debug messages.
        """
        start = f'{UNHURRIED}import sys; from zoedepth_ros.{module} import main; sys.exit(main())'
        if moments:
            path = Path(sys.prefix, 'lib', 'zoedepth_ros', EXECUTABLES[module])
            announce = f'import startup_events as events; events.announce(*{tuple(moments)!r})'
            run = f'import runpy; runpy.run_path({str(path)!r}, run_name="__main__")'
            start = f'{UNHURRIED}{announce}; {run}'
        arguments = ['-c', start, '--ros-args']
        for name, value in parameters.items():
            arguments += ['-p', f'{name}:={json.dumps(value)}']
        if namespace:
            arguments += ['-r', f'__ns:={namespace}']
        if debug:
            arguments += ['--log-level', 'stream_recorder:=debug']
        search = os.pathsep.join([str(ros_harness.HERE), os.environ.get('PYTHONPATH', '')])
        self._start(arguments, **({'PYTHONPATH': search} if moments else {}))


def has_recorded(recorder: ToolProcess, *topics: str) -> bool:
    """Return whether a message of each topic has arrived at a recorder with `debug`."""
    return all(f'first message of {topic}\n' in f'{recorder.log}\n' for topic in topics)


def settled_counts(recorder: ToolProcess) -> tuple[int, int]:
    """Return `recorded_counts` once nothing more arrives: two progress lines in a row agree."""

    def is_settled() -> bool:
        lines = _progress(recorder)
        return len(lines) > before + 1 and lines[-1] == lines[-2]

    before = len(_progress(recorder))
    ros_harness.wait_until(is_settled, lambda: recorder.log)
    return recorded_counts(recorder)


def recorded_counts(recorder: ToolProcess) -> tuple[int, int]:
    """Return the numbers of depth images and clouds in the recorder's last progress line."""
    return next(reversed(_progress(recorder)), (0, 0))


def _progress(recorder: ToolProcess) -> list[tuple[int, int]]:
    lines = re.findall(r'depth (\d+) \(.*points (\d+) \(', recorder.log)
    return [(int(depths), int(clouds)) for depths, clouds in lines]
