"""What is wrong with a recording, and whether it is to be endured."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


class RecordingError(ValueError):
    """Say why a recording cannot be used."""


class DamagedRecordingError(RecordingError):
    """Say where a recording is damaged."""


class ResumeError(RecordingError):
    """Say why unfinished work cannot be finished."""


class Damage:
    """Refuse damage, or note it and let the reader go on."""

    def __init__(self, *, salvage: bool) -> None:
        """salvage: go on with what can be read."""
        self.salvage = salvage
        self.notes: list[str] = []

    def report(self, path: Path, text: str) -> None:
        """Take note; raises DamagedRecordingError unless damage is to be endured."""
        note = f'{path}: {text}'
        if not self.salvage:
            raise DamagedRecordingError(f'{note} (--salvage keeps everything that can be read)')
        self.notes.append(note)


def require_libraries() -> None:
    """Raise RecordingError naming what to install when a library of this room is missing."""
    missing = [name for name in ('mcap', 'rosbags') if find_spec(name) is None]
    if missing:
        raise RecordingError(
            f'recordings need {" and ".join(missing)}: pip install "zoedepth_ros[bag]"'
            f' (or pip install {" ".join(missing)})'
        )
