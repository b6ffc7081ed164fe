"""A node under test in a process of its own, and what it tells."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from zoedepth_ros.benchmark.node import log
from zoedepth_ros.benchmark.node.scene import Size
from zoedepth_ros.benchmark.node.task import Kind


class Child:
    """Own the process and collect its lines."""

    def __init__(
        self, kind: Kind, folder: Path, sizes: Sequence[Size], program: Sequence[str] = ()
    ) -> None:
        """Start it in this process's environment; folder: where the scenes of these sizes lie.

        program: what Python runs instead of the kind's own module.
        """
        self.kind = kind
        self.frames: dict[int, log.Frame] = {}
        """Stamp [ns] -> what the node told about that picture."""
        self._changed = threading.Condition()
        ros_args = ['--ros-args', '--log-level', 'error', '-r', f'__ns:=/{kind.name}']
        for name, value in kind.parameters.items():
            ros_args += ['-p', f'{name}:={json.dumps(value)}']
        ran = program or ('-m', f'zoedepth_ros.benchmark.node.{kind.side}')
        command = [sys.executable, *ran, str(folder), json.dumps(list(sizes)), *ros_args]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Tell whether the process is there."""
        return self._process.poll() is None

    def wait_for(self, stamp_ns: int, timeout_s: float) -> bool:
        """Wait until a picture was told about; False when that takes too long."""
        with self._changed:
            return self._changed.wait_for(lambda: stamp_ns in self.frames, timeout_s)

    def stop(self) -> None:
        """End the process."""
        if self.is_running:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(2.0)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            frame = log.read(line)
            if frame is not None:
                with self._changed:
                    self.frames[frame.stamp_ns] = frame
                    self._changed.notify_all()
