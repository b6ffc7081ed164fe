"""The images that a command line names, and the names of their results."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path

IMAGE_SUFFIXES = (
    *('.avif', '.bmp', '.jp2', '.jpeg', '.jpg', '.pbm', '.pgm', '.png', '.pnm', '.ppm'),
    *('.tif', '.tiff', '.webp'),
)


def find_images(arguments: Iterable[str]) -> list[Path]:
    """Return the named images and those inside named folders, in order and without duplicates.

    Files that an earlier run wrote into such a folder are skipped.  Raises ValueError for a folder
    without images and for the depth of an earlier run.
    """
    found: dict[Path, None] = {}
    for argument in arguments:
        path = Path(argument).expanduser()
        if not path.is_dir():
            if path.stem.endswith('_depth') and _is_output(path):
                raise ValueError(f'{path}: depth of an earlier run, not an image')
            found[path] = None
            continue
        inside = [file for file in sorted(path.iterdir()) if _is_input(file)]
        if not inside:
            raise ValueError(f'{path}: no images in this folder ({" ".join(IMAGE_SUFFIXES)})')
        found.update(dict.fromkeys(inside))
    return list(found)


def unreadable(paths: Iterable[Path]) -> dict[Path, str]:
    """Return unreadable path -> reason."""
    found = {}
    for path in paths:
        if not path.exists():
            found[path] = 'no such file'
        elif not os.access(path, os.R_OK):
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
    names: list[str] = []
    stems = Counter(path.stem for path in paths)
    parents = Counter((path.parent.name, path.stem) for path in paths)
    for path in paths:
        if stems[path.stem] == 1:
            wanted = path.stem
        elif parents[path.parent.name, path.stem] == 1 and path.parent.name:
            wanted = f'{path.parent.name}_{path.stem}'
        else:
            wanted = f'{path.stem}_{path.suffix.lstrip(".").lower()}'
        names.append(wanted)
    return _numbered_duplicates(names)


def _numbered_duplicates(names: Sequence[str]) -> list[str]:
    """Add a number to the second and later of equal names."""
    taken = set(names)
    used: set[str] = set()
    different = []
    for name in names:
        if name in used:
            name = next(free for free in _numbered(name) if free not in taken | used)
        used.add(name)
        different.append(name)
    return different


def _numbered(name: str) -> Iterator[str]:
    return (f'{name}_{number}' for number in count(2))


def _is_input(path: Path) -> bool:
    if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith('.'):
        return False
    return path.is_file() and not _is_output(path)


def _is_output(path: Path) -> bool:
    """Tell whether an earlier run wrote a file, by the depth beside it."""
    names = (path.stem.removesuffix(ending) for ending in ('_depth', '_color'))
    return any(
        name != path.stem and path.with_name(f'{name}_depth.npy').exists() for name in names
    )
