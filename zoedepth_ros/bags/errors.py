"""What is wrong with a recording, and whether it is to be endured."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from zoedepth_ros.errors import in_one_line


class RecordingError(ValueError):
    """Say why a recording cannot be used."""


class DamagedRecordingError(RecordingError):
    """Say where a recording is damaged."""


class ExistsError(RecordingError):
    """Say that there is a file where a new one was to be written."""


class ResumeError(RecordingError):
    """Say why unfinished work cannot be finished."""


class Damage:
    """Refuse damage, or note it and let the reader go on."""

    def __init__(self, *, recover: bool) -> None:
        """recover: go on with what can be read."""
        self.recover = recover
        self.notes: list[str] = []

    def report(self, path: Path, text: str) -> None:
        """Take note of damage; raises DamagedRecordingError unless it is to be endured."""
        note = f'{path}: {text}'
        if not self.recover:
            raise DamagedRecordingError(f'{note} (--recover keeps everything that can be read)')
        self.note(note)

    def note(self, text: str) -> None:
        """Take note of what costs nothing, or is endured."""
        if text not in self.notes:
            self.notes.append(text)

    @contextmanager
    def of(self, path: Path) -> Iterator[None]:
        """Report, as damage of a file, whatever a block raises that nobody expects.

        Damaged files make libraries raise anything; RecordingError and OSError are as they are.
        """
        try:
            yield
        except OSError as error:
            if error.errno != errno.EIO:  # of a disk that is broken: a damage like others
                raise
            self.report(path, f'damaged: {in_one_line(error)}')
        except RecordingError:
            raise
        except Exception as error:
            self.report(path, f'damaged: {type(error).__name__}: {in_one_line(error)}')


def require_libraries() -> None:
    """Raise RecordingError naming what to install when a library of this room is missing."""
    missing = [name for name in ('mcap', 'rosbags') if find_spec(name) is None]
    if missing:
        raise RecordingError(
            f'recordings need {" and ".join(missing)}: pip install "zoedepth_ros[bag]"'
            f' (or pip install {" ".join(missing)})'
        )
