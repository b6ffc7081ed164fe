"""Files of results that an option names: written whole, and said where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zoedepth_ros.files import json_text, write_file


def write_json(name: str, values: Any) -> None:
    """Write plain values as JSON; raises WriteError."""
    write_text(name, json_text(values))


def write_text(name: str, text: str) -> None:
    """Write a text, with the folders above it, and say where; raises WriteError."""
    path = Path(name).expanduser()
    write_file(path, text, make_folder=True)
    print(f'-> {path}')
