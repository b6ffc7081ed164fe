"""Errors of recordings, and whether damage is tolerated."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from zoedepth_ros.errors import in_one_line


class RecordingError(ValueError):
    """Raised when a recording cannot be used."""


class DamagedRecordingError(RecordingError):
    """Raised at the first damage of a recording."""


class ExistsError(RecordingError):
    """Raised when the file to be written exists already."""


class ResumeError(RecordingError):
    """Raised when unfinished work cannot be resumed."""


class Damage:
    """Refuse damage, or note it and let the reader go on."""

    def __init__(self, *, recover: bool) -> None:
        """recover: go on with what can be read."""
        self.recover = recover
        self.notes: list[str] = []
        self._refused: set[Path] = set()  # files of which nothing can be read

    def report(self, path: Path, text: str) -> None:
        """Record damage; raises DamagedRecordingError unless damage is tolerated."""
        note = f'{path}: {text}'
        if not self.recover:
            raise DamagedRecordingError(f'{note} (--recover keeps everything that can be read)')
        self.note(note)

    def note(self, text: str) -> None:
        """Record what costs nothing, or is tolerated."""
        if text not in self.notes:
            self.notes.append(text)

    @contextmanager
    def named(self, copy: Path, file: Path) -> Iterator[None]:
        """Name a file where notes and errors of a block name its copy."""
        try:
            yield
        except RecordingError as error:
            raise type(error)(str(error).replace(str(copy), str(file))) from error.__cause__
        finally:
            self.notes[:] = [note.replace(str(copy), str(file)) for note in self.notes]

    @contextmanager
    def of(self, path: Path, n_files: int) -> Iterator[None]:
        """Report unexpected errors of a block as damage of a file.

        Damaged files make libraries raise anything; OSError is as it is, and so is RecordingError,
        unless damage is tolerated and another one of the n_files of the recording can be read.
        """
        try:
            yield
        except OSError as error:
            if error.errno != errno.EIO:  # of a disk that is broken: a damage like others
                raise
            self.report(path, f'damaged: {in_one_line(error)}')
        except RecordingError as error:
            self._refused.add(path)
            if not self.recover or len(self._refused) == n_files:
                raise
            self.note(str(error))
        except Exception as error:
            self.report(path, f'damaged: {type(error).__name__}: {in_one_line(error)}')


def require_libraries() -> None:
    """Raise RecordingError naming what to install when a library for recordings is missing."""
    missing = [name for name in ('mcap', 'rosbags') if find_spec(name) is None]
    if missing:
        raise RecordingError(
            f'recordings need {" and ".join(missing)}: pip install "zoedepth_ros[bag]"'
            f' (or pip install {" ".join(missing)})'
        )
