"""One of the small nodes in a process of its own."""

from __future__ import annotations

import json

import ros_harness


class ToolProcess(ros_harness.NodeProcess):
    """Run `main` of a module of zoedepth_ros.ros with parameters."""

    def __init__(self, module: str, **parameters: object) -> None:
        start = f'import sys; from zoedepth_ros.ros.{module} import main; sys.exit(main())'
        arguments = ['-c', start, '--ros-args']
        for name, value in parameters.items():
            arguments += ['-p', f'{name}:={json.dumps(value)}']
        self._start(arguments)
