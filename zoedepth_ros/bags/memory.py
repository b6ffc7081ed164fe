"""The state that every image leaves behind for the next one, kept beside unfinished work.

A head that was chosen, a running mean, a depth map: depth depends on the images before. One line
is written for each image before its depth is, so that resumed work has the state that
uninterrupted work has. States that are no longer needed are dropped when the file gets long.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

from zoedepth_ros.bags.errors import RecordingError, ResumeError
from zoedepth_ros.files import named_write_errors, open_locked

STATE, SKIPPED = 'state', 'skipped'
"""Keys of a note: the state after an image; why an image has no outputs."""

FORM = 2
"""To be raised when snapshots of the pipeline change: unfinished work of before is then predicted
anew from its first image."""

MOST_BYTES = 64 << 20
"""Growth of the file after which states are dropped [bytes]."""

_KEY, _SETTLED = 'zoedepth_ros', 'settled'
_START = f'{{"{_KEY}": '.encode()


class Memory:
    """Hold notes about images: a first line about the work, then lines [number, note].

    A line [number, {'settled': bytes}] stands for notes that were dropped: the first `bytes` of
    the output contain everything that was made of the images before this number.
    """

    def __init__(self, path: Path, about: Mapping[str, str], *, anew: bool) -> None:
        """Read what an earlier attempt at the same work has left, up to the first broken line.

        about: identifies the work.  anew: keep nothing.  Raises RecordingError for a file that is
        something else, ResumeError when another process writes it, and OSError.
        """
        self.path, self._replacement = path, path.with_name(f'{path.name}.new')
        self._first = f'{json.dumps({_KEY: about, "form": FORM})}\n'.encode()
        self._lock = Lock()  # another thread recalls
        self._file = open_own(path, _START)
        try:
            if os.path.lexists(self._replacement):  # left by a process that was killed
                open_own(self._replacement, _START).close()
                self._replacement.unlink()
            self._take(anew=anew)
        except BaseException:
            with suppress(OSError):  # of a full disk, a second time and without the name
                self._file.close()
            raise

    def clear(self) -> None:
        """Forget everything."""
        self._take(anew=True)

    def recall(self, number: int) -> dict[str, Any] | None:
        """Return the note about an image of an earlier attempt; None when there is none.

        {} when it was dropped: the output contains everything that was made of the image.
        """
        with self._lock:
            if number not in self._places:
                return {} if number < self._settled else None
            line = self._line_at(self._places[number])
        return dict(json.loads(line)[1])

    def note(self, number: int, note: Mapping[str, Any]) -> None:
        """Write a note, unless there is or was one."""
        if number not in self._places and number >= self._settled:
            with self._lock:
                self._add(number, note, self._size())
                self._write(self._file, [_line(number, note)])

    @property
    def is_long(self) -> bool:
        """Whether it is time to drop states."""
        return self._size() > self._kept_bytes + MOST_BYTES

    def settle(self, number: int, output_bytes: int) -> None:
        """Drop the states before that of the image `number`.

        output_bytes: of the output that are on the disk, with all that was made of these images.
        """
        kept = [at for n, at in self._places.items() if n >= number or n in self._skipped]
        new = open_own(self._replacement, _START)
        with self._lock, self._file:
            notes = map(self._line_at, kept)
            self._write(new, (self._first, _line(number, {_SETTLED: output_bytes}), *notes))
            os.fsync(new.fileno())
            self._replacement.replace(self.path)
            self._file = new
            self._take(anew=False)
            self._kept_bytes = self._size()

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        self._file.close()

    def remove(self) -> None:
        """Remove the file: the work is done."""
        self.path.unlink(missing_ok=True)
        self.close()

    def _take(self, *, anew: bool) -> None:
        """Read the notes, and remove what is behind them."""
        self._places: dict[int, int] = {}  # number -> where its line begins
        self._skipped: set[int] = set()
        self._settled, self.settled_bytes, self._kept_bytes = 0, 0, 0
        self._file.seek(0)
        end = 0
        if not anew and self._file.readline() == self._first:
            end = len(self._first)
            for line in self._file:
                if (found := _parsed(line)) is None:
                    break
                self._add(*found, end)
                end += len(line)
        self._file.truncate(end)
        if not end:
            self._write(self._file, [self._first])

    def _add(self, number: int, note: Mapping[str, Any], place: int) -> None:
        if _SETTLED in note:
            self._settled, self.settled_bytes = number, note[_SETTLED]
            return
        self._places[number] = place
        if SKIPPED in note:
            self._skipped.add(number)

    def _size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def _line_at(self, place: int) -> bytes:
        self._file.seek(place)
        return self._file.readline()

    def _write(self, file: BinaryIO, lines: Iterable[bytes]) -> None:
        with named_write_errors(self.path, remedy='free some space, then start again'):
            file.seek(0, os.SEEK_END)
            file.writelines(lines)
            file.flush()  # a killed process has left it; the depth after it comes later


def open_own(path: Path, start: bytes) -> BinaryIO:
    """Open and lock a file of this package, created if missing, which begins with `start`.

    Raises ResumeError for one that is being written, RecordingError for one of another program,
    and OSError.
    """
    try:
        file = open_locked(path)
    except BlockingIOError:
        raise ResumeError(f'{path}: another zoedepth process is writing this file') from None
    found = file.read(len(start))
    file.seek(0)
    if not start.startswith(found):
        file.close()
        raise RecordingError(
            f'{path} was not written by zoedepth, and zoedepth would overwrite it: move the file '
            'to another folder, or choose another output file'
        )
    return file


def _line(number: int, note: Mapping[str, Any]) -> bytes:
    return f'{json.dumps([number, note])}\n'.encode()


def _parsed(line: bytes) -> tuple[int, dict[str, Any]] | None:
    """Return number and note; None for a line that is broken."""
    try:
        number, note = json.loads(line)
        whole = isinstance(note, dict) and line.endswith(b'\n')
        return (int(number), note) if whole else None
    except (ValueError, TypeError, RecursionError):
        return None
