"""Start a worker with an environment of its own and talk to it; imports no torch."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from zoedepth_ros.benchmark.sides import Side, Size
from zoedepth_ros.benchmark.worker import request
from zoedepth_ros.ros.environment import STEERING

OUT_OF_TIME = 'it was not done within the time that was left'
_STEERING = (*STEERING, 'LD_PRELOAD')


class SideError(ValueError):
    """Say why a side could not be measured."""


class Worker:
    """One process with one side in it; leave the block and it is gone."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """environment: to be added to this process' own; None takes what steers
        allocator and threads off it: so does a program run that knows nothing of them."""
        environ = dict(os.environ)
        if environment is None:
            environ = {k: v for k, v in environ.items() if not k.startswith(_STEERING)}
        self._timer: threading.Timer | None = None
        self._expired = False
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'zoedepth_ros.benchmark.worker'],
            env={**environ, **(environment or {}), 'HF_HUB_OFFLINE': '1'},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def end_after(self, limit_s: float) -> None:
        """Kill the process unless the block is left within this time [s]; infinite for never."""
        if math.isfinite(limit_s):
            self._timer = threading.Timer(max(0.0, limit_s), self._expire)
            self._timer.daemon = True
            self._timer.start()

    def _expire(self) -> None:
        self._expired = True
        self._process.kill()

    def close(self) -> None:
        """End the process."""
        if self._timer is not None:
            self._timer.cancel()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):  # a request that a dead process did not take
                    stream.close()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send one request and wait; SideError when it fails or the process has died."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(request(do, **arguments))
            self._process.stdin.flush()
        except OSError as error:
            raise SideError(OUT_OF_TIME if self._expired else 'its process has died') from error
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            if self._expired:
                raise SideError(OUT_OF_TIME)
            hint = ' (killed: too little memory?)' if code == -9 else ''
            raise SideError(f'its process ended with exit code {code}{hint}')
        answer = json.loads(line)
        if 'error' in answer:
            missing = answer['missing'] if answer['kind'] == 'ModuleNotFoundError' else ''
            advice = f': pip install {missing}' if missing else ''
            raise SideError(f'{answer["error"]}{advice}')
        return dict(answer)

    def open(self, side: Side) -> None:
        """Make a side ready."""
        self.ask('open', side=side)

    def facts(self) -> dict[str, str]:
        """Return what the side says about itself; what may yet fail has, after a picture."""
        return dict(self.ask('facts')['facts'])

    def frames(self, size: Size, count: int, batch: int = 1) -> list[float]:
        """Run so many pictures, or batches of them; return the time of each [ms]."""
        return list(self.ask('frames', size=size, count=count, batch=batch)['times_ms'])
