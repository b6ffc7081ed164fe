"""A process for one implementation: what one leaves in memory changes the times of another."""

from __future__ import annotations

import importlib
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

from zoedepth_ros.environment import OLD_PROFILE_VARIABLE, PROFILE_VARIABLE, STEERING

PACKAGE = 'zoedepth_ros.benchmark'
OUT_OF_TIME = 'the measurement was not finished within the remaining time'
_STEERING = (*STEERING, PROFILE_VARIABLE, OLD_PROFILE_VARIABLE, 'LD_PRELOAD')


class WorkerError(ValueError):
    """An implementation could not be measured."""


class Worker:
    """A process that calls functions of this folder; it ends with the `with` block."""

    def __init__(self, environment: Mapping[str, str], folder: Path | None = None) -> None:
        """environment: all variables.  folder: working directory.

        In a checkout, Python would import the sources there instead of the installed package with
        its compiled part.
        """
        self._ends_s = math.inf
        self._pipe, theirs = Pipe()
        self._process = subprocess.Popen(
            [sys.executable, '-m', f'{PACKAGE}.worker', str(theirs.fileno())],
            env={**environment, 'HF_HUB_OFFLINE': '1'},
            cwd=folder,
            stdout=2,  # what libraries print
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._kill()

    def _kill(self) -> None:
        """Kill the process and those that it has started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def kill_after(self, limit_s: float) -> None:
        """Kill the process if a call is not finished after this time [s]."""
        self._ends_s = time.monotonic() + limit_s

    def call(self, function: str, *arguments: Any) -> Any:
        """Call `module.function` of this folder; WorkerError if it fails or the process ends."""
        left_s = self._ends_s - time.monotonic()
        try:
            self._pipe.send((function, arguments))
            if not self._pipe.poll(None if math.isinf(left_s) else max(0.0, left_s)):
                self._kill()
                raise WorkerError(OUT_OF_TIME)
            result, error = self._pipe.recv()
        except (EOFError, OSError) as gone:
            code = self._process.wait()
            hint = ' (killed: too little memory?)' if code == -signal.SIGKILL else ''
            raise WorkerError(
                f'the process of the measured implementation ended with exit code {code}{hint}'
            ) from gone
        if error:
            raise WorkerError(error)
        return result


def plain_environment() -> dict[str, str]:
    """Return the variables of this process without those that this package sets."""
    return {k: v for k, v in os.environ.items() if not k.startswith(_STEERING)}


def call_here(function: str, *arguments: Any) -> Any:
    """Call `module.function` of this folder in this process."""
    module, _, name = function.rpartition('.')
    return getattr(importlib.import_module(f'{PACKAGE}.{module}'), name)(*arguments)


def main() -> None:
    """Answer the calls that come through the pipe whose file descriptor is the argument."""
    pipe = Connection(int(sys.argv[1]))
    while True:
        try:
            name, arguments = pipe.recv()
        except EOFError:
            return
        try:
            answer = call_here(name, *arguments), ''
        except ModuleNotFoundError as error:
            advice = f': pip install {error.name}' if error.name else ''
            answer = None, f'{error}{advice}'
        except Exception as error:  # every error goes to the other process
            answer = None, str(error) or type(error).__name__
        pipe.send(answer)


if __name__ == '__main__':
    main()
