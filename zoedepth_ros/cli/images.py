"""Which pictures a command line means, and what their results are called."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path

PICTURE_SUFFIXES = (
    *('.avif', '.bmp', '.jp2', '.jpeg', '.jpg', '.pbm', '.pgm', '.png', '.pnm', '.ppm'),
    *('.tif', '.tiff', '.webp'),
)


def find_pictures(arguments: Iterable[str]) -> list[Path]:
    """Return the pictures named, and those inside the folders named, in order.

    What an earlier run wrote into such a folder is left out. A picture named twice comes once.
    Raises ValueError for a folder without pictures and for the depth of an earlier run.
    """
    found: dict[Path, None] = {}
    for argument in arguments:
        path = Path(argument).expanduser()
        if not path.is_dir():
            if path.stem.endswith('_depth') and _is_output(path):
                raise ValueError(f'{path}: depth that an earlier run wrote, not an image')
            found[path] = None
            continue
        inside = [file for file in sorted(path.iterdir()) if _is_input(file)]
        if not inside:
            raise ValueError(f'{path}: no pictures in this folder ({" ".join(PICTURE_SUFFIXES)})')
        found.update(dict.fromkeys(inside))
    return list(found)


def unreadable(paths: Iterable[Path]) -> dict[Path, str]:
    """Give path -> why it cannot be read, of those that cannot."""
    found = {}
    for path in paths:
        if not path.exists():
            found[path] = 'no such file'
        elif not os.access(path, os.R_OK):
            found[path] = os.strerror(errno.EACCES)
    return found


def require_readable(paths: Iterable[Path]) -> None:
    """Raise ValueError naming every input that cannot be read."""
    if found := unreadable(paths):
        raise ValueError('; '.join(f'{path}: {reason}' for path, reason in found.items()))


def output_names(paths: Sequence[Path]) -> list[str]:
    """Return one name for the results of each picture, all different.

    It is the file's own name without its suffix where that is enough; otherwise the suffix, the
    folder or a number is added.
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
    return _made_different(names)


def _made_different(names: Sequence[str]) -> list[str]:
    """Number the second and later ones of equal names."""
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
    if path.suffix.lower() not in PICTURE_SUFFIXES or path.name.startswith('.'):
        return False
    return path.is_file() and not _is_output(path)


def _is_output(path: Path) -> bool:
    """Tell whether an earlier run wrote a file beside its depth."""
    names = (path.stem.removesuffix(ending) for ending in ('_depth', '_color'))
    return any(
        name != path.stem and path.with_name(f'{name}_depth.npy').exists() for name in names
    )
