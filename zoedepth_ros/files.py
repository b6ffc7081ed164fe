"""Small files that may hold anything, read with limits, and new files that never follow a link."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from zoedepth_ros.errors import shortened

SETTINGS_BYTES = 1 << 20
"""Size limit of a file of settings, a calibration for example [bytes]."""

_MOST_NESTED = 50


def read_text(path: Path, limit_bytes: int = SETTINGS_BYTES) -> str:
    """Read a text file of at most `limit_bytes`.

    Raises ValueError when it is longer, no regular file or not UTF-8, OSError when it cannot be
    read.
    """
    with open(path, 'rb', opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError('expected a file, got a device or a pipe')
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise ValueError(f'expected at most {limit_bytes:,} bytes')
    try:
        return data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise ValueError(f'expected UTF-8, got {error.object[error.start]:#04x}') from None


def parse_yaml(text: str, *, aliases: bool = False) -> Any:
    """Parse YAML of plain values; raises ValueError saying in which line what is wrong.

    Values nested more than 50 deep are refused, and aliases unless they belong there: a few lines
    of them stand for gigabytes once they are written out.
    """
    try:
        return yaml.load(text, _Loader if aliases else _PlainLoader)
    except yaml.MarkedYAMLError as error:
        line = f'line {error.problem_mark.line + 1}: ' if error.problem_mark else ''
        raise ValueError(f'{line}{shortened(str(error.problem), 200)}') from None
    except (yaml.YAMLError, AttributeError, TypeError) as error:
        raise ValueError(shortened(' '.join(str(error).split()), 200)) from None


def parse_json(text: str) -> Any:
    """Parse JSON; raises ValueError saying where what is wrong."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError('nested too deep') from None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a new empty file beside `path` that takes its place when the block has ended.

    The file is made exclusively, under a name nobody can guess, and removed when the block fails.
    """
    name = f'.{path.stem}.{secrets.token_hex(8)}.part{path.suffix}'
    unfinished = path.with_name(name)
    unfinished.open('xb').close()
    try:
        yield unfinished
        with unfinished.open('rb') as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def open_locked(path: Path) -> BinaryIO:
    """Open a file for reading and writing, made where there is none, and lock it until its end.

    Raises BlockingIOError when another process holds the lock, and OSError naming the file when
    it is a link, has a second name or is no regular file.
    """
    while True:
        file = open(path, 'r+b', opener=_without_links)  # noqa: SIM115, closed below or given
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_still(path, file):
                if os.fstat(file.fileno()).st_nlink > 1:
                    raise OSError(f'{path}: is a link: the same file has another name')
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # renamed or removed before the lock was had: another file has the name now


def is_still(path: Path, file: BinaryIO) -> bool:
    """Tell whether a name still means an open file."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


class _Loader(yaml.SafeLoader):
    """Refuse what is nested too deep."""

    _nested = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._nested += 1
        if self._nested > _MOST_NESTED:
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, 'nested too deep', mark)
        node = super().compose_node(parent, index)
        self._nested -= 1
        return node


class _PlainLoader(_Loader):
    """Refuse aliases too."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, 'aliases (*name) are not taken', mark)
        return super().compose_node(parent, index)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe that nobody writes would wait for ever


def _without_links(path: str, flags: int) -> int:
    flags |= os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        number = os.open(path, flags, 0o666)
    except OSError as error:
        if Path(path).is_symlink():
            raise OSError(f'{path}: is a link, and is not written through') from None
        raise error
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(f'{path}: expected a regular file')
    return number
