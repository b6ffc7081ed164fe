"""What an image leaves behind for the next one, kept beside unfinished work.

A head that was chosen, a running mean: depth depends on the images before. One line is written for
each image before its depth is, so that resumed work has the state that uninterrupted work has.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoedepth_ros.bags.errors import RecordingError, ResumeError
from zoedepth_ros.files import named_write_errors, open_locked

_KEY = 'zoedepth_ros'
_READ_BYTES = 2**16


class Memory:
    """Hold the state after every image: a first line about the work, then [number, state]."""

    def __init__(self, path: Path, about: Mapping[str, str], *, anew: bool) -> None:
        """Read what an earlier attempt at the same work has left, up to the first broken line.

        about: identifies the work.  anew: keep nothing.  Raises RecordingError for a file that is
        something else, ResumeError when another process writes it, and OSError.
        """
        self.path = path
        try:
            self._file = open_locked(path)
        except BlockingIOError:
            raise ResumeError(f'{path}: another process is writing it') from None
        try:
            self._places: dict[int, int] = {}  # number -> where its line begins
            first = f'{json.dumps({_KEY: about})}\n'.encode()
            self._file.truncate(self._read(first, anew=anew))
            self._file.seek(0, 2)
            if not self._file.tell():
                self._write(first)
        except BaseException:
            self._file.close()
            raise

    def recall(self, number: int) -> dict[str, Any] | None:
        """Return the state after an image of an earlier attempt; None when it is not known."""
        if number not in self._places:
            return None
        line = pread_line(self._file.fileno(), self._places[number])
        return dict(json.loads(line)[1])

    def note(self, number: int, state: Mapping[str, Any]) -> None:
        """Write the state after an image, unless it is there already."""
        if number not in self._places:
            self._write(f'{json.dumps([number, state])}\n'.encode())

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        self._file.close()

    def remove(self) -> None:
        """Remove the file: the work is done."""
        self.path.unlink(missing_ok=True)
        self.close()

    def _read(self, first: bytes, *, anew: bool) -> int:
        """Take the states; gives the length of what is kept [bytes]."""
        found = self._file.readline()
        if not first.startswith(found) and not found.startswith(f'{{"{_KEY}": '.encode()):
            raise RecordingError(f'{self.path} is no file of zoedepth: move it away')
        if anew or found != first:
            return 0
        end = len(found)
        for line in self._file:
            try:
                number, state = json.loads(line)
                is_whole = isinstance(state, dict) and line.endswith(b'\n')
                number = int(number)
            except (ValueError, TypeError, RecursionError):
                break
            if not is_whole:
                break
            self._places[number] = end
            end += len(line)
        return end

    def _write(self, line: bytes) -> None:
        with named_write_errors(self.path, len(line), remedy='make room, then start again'):
            self._file.write(line)
            self._file.flush()  # a killed process has left it; the depth after it comes later


def pread_line(file: int, place: int) -> bytes:
    """Return the line that begins at a place of a file that is open for writing too."""
    line = b''
    while not line.endswith(b'\n') and (more := os.pread(file, _READ_BYTES, place + len(line))):
        end = more.find(b'\n') + 1
        line += more[:end] if end else more
    return line
