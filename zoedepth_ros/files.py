"""Read small files with limits, and write files atomically.

Symbolic links are not followed for writing.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import math
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from zoedepth_ros.errors import printable, quoted, shortened

SETTINGS_BYTES = 1 << 20
"""Size limit of a settings file, such as a calibration [bytes]."""

IMAGE_SUFFIXES = (
    *('.avif', '.bmp', '.jp2', '.jpeg', '.jpg', '.pbm', '.pgm', '.png', '.pnm', '.ppm'),
    *('.tif', '.tiff', '.webp'),
)
"""Endings of the files that are taken for images, in lower case."""

_MOST_NESTED = 50
_BLOCK_BYTES = 1 << 22


def read_text(path: Path, limit_bytes: int = SETTINGS_BYTES) -> str:
    """Read a text file of at most `limit_bytes`.

    Raises ValueError for a longer file, a special file or another encoding than UTF-8, OSError if
    it cannot be read.
    """
    with open(path, 'rb', opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError('expected a file, got a device or a pipe')
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise ValueError(f'expected a file of at most {limit_bytes:,} bytes, got a larger one')
    try:
        return data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise ValueError(
            f'expected UTF-8 text, got the byte {error.object[error.start]:#04x}'
        ) from None


def parse_yaml(text: str, *, aliases: bool = False) -> Any:
    """Parse YAML of plain values.  Raises ValueError with the line and the problem.

    Values nested more than 50 levels deep and keys that occur twice in a mapping are refused, and
    aliases unless enabled, because a few lines with aliases can expand to gigabytes.
    """
    try:
        return yaml.load(text, _AliasLoader if aliases else _Loader)
    except yaml.MarkedYAMLError as error:
        line = f'line {error.problem_mark.line + 1}: ' if error.problem_mark else ''
        raise ValueError(f'{line}{shortened(str(error.problem), 200)}') from None
    except yaml.YAMLError as error:
        raise ValueError(shortened(' '.join(str(error).split()), 200)) from None


def parse_json(text: str) -> Any:
    """Parse JSON.  Raises ValueError with the position and the problem."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError('the values are nested too deeply') from None


def json_text(values: Any) -> str:
    """Return plain values as indented JSON; numbers that are not finite become null."""
    return json.dumps(_without_nan(values), indent=2, allow_nan=False) + '\n'


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _without_nan(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def sha256_of(file: BinaryIO) -> str:
    """Return the SHA-256 of an open file from its position on, as hexadecimal digits."""
    digest = hashlib.sha256()
    while block := file.read(_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


class WriteError(OSError):
    """A file could not be written; the message states the reason, the space needed, the remedy.

    Raised during the work: the command line exits with another code than for errors before it.
    """


@contextmanager
def replacing(
    path: Path, *, sync: bool = True, needed_bytes: int = 0, remedy: str = ''
) -> Iterator[Path]:
    """Yield a new empty file next to `path` that replaces it at the end of the context.

    The file is created exclusively with a random name, and removed if the context fails.  sync:
    flush it to the disk first.  needed_bytes, remedy: see `named_write_errors`.  Raises
    WriteError.
    """
    name = f'.{path.stem[:40]}.{secrets.token_hex(8)}.part{path.suffix[:10]}'
    unfinished = path.with_name(name)
    with named_write_errors(path, needed_bytes, remedy=remedy):
        unfinished.open('xb').close()
        try:
            yield unfinished
            if sync:
                with unfinished.open('rb') as file:
                    os.fsync(file.fileno())
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise


def write_file(path: Path, data: bytes | str, *, make_folder: bool = False) -> None:
    """Write a file atomically; devices and pipes are written directly.

    make_folder: create the parent folders.  Text is encoded as UTF-8, with escapes for undecodable
    bytes of file names.  Raises WriteError.
    """
    content = printable(data).encode('utf-8') if isinstance(data, str) else data
    with named_write_errors(path, len(content)):
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        if _is_special(path):
            path.write_bytes(content)
            return
        with replacing(path, sync=False, needed_bytes=len(content)) as unfinished:
            unfinished.write_bytes(content)


@contextmanager
def named_write_errors(path: Path, needed_bytes: int = 0, *, remedy: str = '') -> Iterator[None]:
    """Translate errors of the operating system within the context to a WriteError for `path`.

    needed_bytes: size to write, 0 for unknown.  remedy: advice in the message; '' for the default.
    """
    try:
        yield
    except WriteError:
        raise
    except Exception as error:
        reason = _refusal(error)
        if reason is None:
            raise
        named = WriteError(_write_error_text(path, reason, needed_bytes, remedy))
        named.errno = reason.errno
        raise named from reason


def name_for_opencv(path: Path) -> str:
    """Return a path for OpenCV.

    Raises ValueError for a name that is not UTF-8, with which OpenCV would abort the process.
    """
    try:
        return os.fsencode(path).decode('utf-8')
    except UnicodeDecodeError:
        raise ValueError(f'{path}: OpenCV needs a name in UTF-8: rename the file') from None


@contextmanager
def _named_before_the_work(path: Path) -> Iterator[None]:
    """Translate errors as `named_write_errors` does, but to a plain OSError."""
    try:
        with named_write_errors(path):
            yield
    except WriteError as error:
        raise OSError(str(error)) from None


def check_writable(path: Path) -> None:
    """Raise OSError, but no WriteError, if `path` cannot be written; writes nothing."""
    with _named_before_the_work(path), suppress(FileNotFoundError, NotADirectoryError):
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise OSError(f'{path}: expected the name of a file, got a folder')
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if not stat.S_ISREG(mode):
            return
    check_folder(path.parent)


def check_folder(folder: Path) -> None:
    """Raise OSError if no file can be written to a folder, or to its nearest existing parent."""
    there = next(parent for parent in (folder, *folder.parents) if os.path.lexists(parent))
    if not there.is_dir():
        raise OSError(f'{folder}: expected a folder, but {there} is not one')
    with _named_before_the_work(folder), tempfile.TemporaryFile(dir=there) as file:
        file.write(bytes(4096))
        file.flush()


def _refusal(error: BaseException | None) -> OSError | None:
    """Return the OSError that caused an error of a library, such as torch or safetensors."""
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            return error
        if found := re.search(r'\(os error (\d+)\)', str(error)):
            return OSError(int(found[1]), os.strerror(int(found[1])))
        error = error.__cause__ or error.__context__
    return None


def _write_error_text(path: Path, error: OSError, needed_bytes: int = 0, remedy: str = '') -> str:
    facts = [f'{needed_bytes:,} bytes are needed'] if needed_bytes else []
    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    if is_full:
        there = next(parent for parent in path.absolute().parents if parent.is_dir())
        facts.append(f'{shutil.disk_usage(there).free:,} bytes are free in {there}')
    known = f' ({", ".join(facts)})' if facts else ''
    helps = remedy or (
        'free some space or choose another place' if is_full else 'choose another place'
    )
    return f'{path}: cannot be written: {error.strerror}{known}; {helps}'


def _is_special(path: Path) -> bool:
    """Return whether a path is a special file, such as /dev/stdout."""
    return path.exists() and not (path.is_file() or path.is_dir())


def open_locked(path: Path) -> BinaryIO:
    """Open a file for reading and writing, created if missing, and lock it until it is closed.

    Raises BlockingIOError if another process has the lock, and OSError for a symbolic link, a file
    with several hard links and a special file.
    """
    while True:
        file = open(path, 'r+b', opener=_without_links)  # noqa: SIM115, closed below or given
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_still(path, file):
                if os.fstat(file.fileno()).st_nlink > 1:
                    raise OSError(
                        f'{path}: the file has several hard links, expected a file with one name'
                    )
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # renamed or removed before the lock was had: another file has the name now


def is_still(path: Path, file: BinaryIO) -> bool:
    """Return whether a path still refers to an open file."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


class _Loader(yaml.SafeLoader):
    """Refuse values that are nested too deep, keys that occur twice, and aliases."""

    _nested, _refuses_aliases = 0, True

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._nested += 1
        problem = 'the values are nested too deeply' if self._nested > _MOST_NESTED else ''
        if self._refuses_aliases and self.check_event(yaml.AliasEvent):
            problem = 'YAML aliases (*name) are not allowed'
        if problem:
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, problem, mark)
        node = super().compose_node(parent, index)
        self._nested -= 1
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (AttributeError, LookupError, TypeError, ValueError):  # of PyYAML's conversions
            problem = f'{quoted(node.value)} is not of the type {node.tag.rpartition(":")[2]}'
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        found = set()
        for key, _ in node.value:
            if (name := (key.tag, str(key.value))) in found:
                problem = f'the key {key.value} occurs twice'
                raise yaml.composer.ComposerError(None, None, problem, key.start_mark)
            found.add(name)
        return node


class _AliasLoader(_Loader):
    _refuses_aliases = False


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe that nobody writes would wait for ever


def _without_links(path: str, flags: int) -> int:
    flags |= os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        number = os.open(path, flags, 0o666)
    except OSError as error:
        if Path(path).is_symlink():
            raise OSError(
                f'{path}: the file is a symbolic link, expected a regular file'
            ) from None
        raise error
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(f'{path}: expected a regular file')
    return number
