"""The images that a command line names, and the names of their results."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path

from zoedepth_ros.files import IMAGE_SUFFIXES


def find_images(arguments: Iterable[str]) -> list[Path]:
    """Return the named images and those inside named folders, in order and without duplicates.

    What cannot be read is returned too; files that an earlier run wrote into a folder are skipped.
    Raises ValueError for a folder without images and for the depth of an earlier run.
    """
    found: dict[Path, None] = {}
    for argument in arguments:
        path = Path(argument).expanduser()
        is_readable = not unreadable([path])
        if not (is_readable and path.is_dir()):
            if is_readable and path.stem.endswith('_depth') and _is_output(path):
                raise ValueError(f'{path}: the file is depth of an earlier run, expected an image')
            found[path] = None
            continue
        inside = [file for file in sorted(path.iterdir()) if _is_input(file)]
        if not inside:
            raise ValueError(f'{path}: the folder contains no images ({" ".join(IMAGE_SUFFIXES)})')
        found.update(dict.fromkeys(inside))
    return list(found)


def unreadable(paths: Iterable[Path]) -> dict[Path, str]:
    """Return unreadable path -> reason."""
    found = {}
    for path in paths:
        try:
            path.stat()
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            found[path] = 'no such file' if missing else str(error.strerror)
            continue
        if not os.access(path, os.R_OK):
            found[path] = os.strerror(errno.EACCES)
    return found


def require_readable(paths: Iterable[Path]) -> None:
    """Raise ValueError naming every unreadable input."""
    if found := unreadable(paths):
        raise ValueError('; '.join(f'{path}: {reason}' for path, reason in found.items()))


def output_names(paths: Sequence[Path]) -> list[str]:
    """Return a different name for the results of each image.

    It is the name of the file without suffix if that is unique; otherwise the folder, the suffix
    or a number is added.
    """
    stems = Counter(path.stem for path in paths)
    parents = Counter((path.parent.name, path.stem) for path in paths)
    wanted = []
    for path in paths:
        if stems[path.stem] == 1:
            wanted.append(path.stem)
        elif parents[path.parent.name, path.stem] == 1 and path.parent.name:
            wanted.append(f'{path.parent.name}_{path.stem}')
        else:
            wanted.append(f'{path.stem}_{path.suffix.lstrip(".").lower()}')
    taken, names = set(wanted), dict[str, None]()
    for name in wanted:
        if name in names:
            numbered = (f'{name}_{number}' for number in count(2))
            name = next(free for free in numbered if free not in taken and free not in names)
        names[name] = None
    return list(names)


def _is_input(path: Path) -> bool:
    if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith('.'):
        return False
    return (path.is_file() or bool(unreadable([path]))) and not _is_output(path)


def _is_output(path: Path) -> bool:
    """Return whether an earlier run wrote a file: then its depth is beside it."""
    names = (path.stem.removesuffix(ending) for ending in ('_depth', '_color'))
    return any(
        name != path.stem and path.with_name(f'{name}_depth.npy').exists() for name in names
    )
