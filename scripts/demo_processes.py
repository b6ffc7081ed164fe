"""Start processes, log their output, and stop them."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

STOPPING_LIMIT_S = 5.0
LOG_LINES_SHOWN = 15
LIBC = ctypes.CDLL(None)  # loaded before any fork
DEMO = os.getpid()


@dataclass(slots=True)
class Child:
    """A process that the demo started."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    reader: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=keep_output, args=(self,), daemon=True)


def start(name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> Child:
    """Start a process in a session of its own: Ctrl-C reaches the demo, which stops it."""
    process = subprocess.Popen(
        command,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=end_with_parent,
    )
    return Child(name, process, log)


def end_with_parent() -> None:
    """Have Linux send SIGTERM when the demo is killed."""
    pr_set_pdeathsig = 1
    LIBC.prctl(pr_set_pdeathsig, signal.SIGTERM)
    if os.getppid() != DEMO:  # it was killed between the fork and prctl
        os.kill(os.getpid(), signal.SIGTERM)


def keep_output(child: Child) -> None:
    """Write the output of a process to its log and print it."""
    assert child.process.stdout is not None
    with child.log.open('wb') as log:
        for line in child.process.stdout:
            log.write(line)
            log.flush()
            # Of a progress bar with carriage returns, the last state is enough.
            text = line.decode(errors='replace').rstrip().rsplit('\r', 1)[-1]
            print(f'{child.name:>8}: {text.removeprefix("[INFO] ")}', flush=True)


def last_lines(log: Path) -> str:
    lines = log.read_text(errors='replace').splitlines()[-LOG_LINES_SHOWN:] if log.exists() else []
    return '\n  '.join([f'the end of {log}:', *(lines or ['(empty)'])])


def stop(children: Sequence[Child]) -> None:
    """Stop these processes: SIGINT, then SIGTERM, then SIGKILL."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        running = [child for child in children if child.process.poll() is None]
        for child in running:
            child.process.send_signal(number)
        deadline_s = time.monotonic() + STOPPING_LIMIT_S
        for child in running:
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(timeout=max(0.1, deadline_s - time.monotonic()))
    for child in children:
        if child.reader.is_alive():
            child.reader.join(timeout=1.0)
