"""One of the small nodes in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import ros_harness


class ToolProcess(ros_harness.NodeProcess):
    """Run `main` of a module of zoedepth_ros.ros with parameters."""

    def __init__(self, module: str, **parameters: object) -> None:
        start = f'import sys; from zoedepth_ros.ros.{module} import main; sys.exit(main())'
        arguments = [sys.executable, '-c', start, '--ros-args']
        for name, value in parameters.items():
            arguments += ['-p', f'{name}:={json.dumps(value)}']
        self.process = subprocess.Popen(
            arguments,
            env={**os.environ, 'PYTHONUNBUFFERED': '1'},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
