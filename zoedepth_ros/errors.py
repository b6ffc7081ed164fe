"""Format errors; quoted values from outside are limited in length."""

from __future__ import annotations

import os
import reprlib

EXIT_CONTEXT_LOST = 75
"""Exit code of node and commands after a CUDA error that only a new process can recover from
(sysexits: try again)."""

_LONGEST = 1000
_VALUES = reprlib.Repr()
_VALUES.maxlevel, _VALUES.maxdict, _VALUES.maxstring, _VALUES.maxother = 3, 6, 80, 80


def quoted(value: object) -> str:
    """Return the repr of a value from a file or a message, limited in length."""
    try:
        return shortened(_VALUES.repr(value), 200)
    except Exception:  # such as an int of more digits than Python prints
        return f'<{type(value).__name__}>'


def shortened(text: str, limit: int = _LONGEST) -> str:
    """Return a text of at most `limit` characters; the middle of a longer one is removed."""
    if len(text) <= limit:
        return text
    half = (limit - 1) // 2
    return f'{text[:half]}…{text[-half:]}'


def in_one_line(error: BaseException) -> str:
    """Return the message of an error in one short line, or its type if it has none."""
    text = ' '.join(shortened(explained(error), 4 * _LONGEST).split())
    return shortened(printable(text) or repr(error))


def printable(text: str) -> str:
    """Return a text that UTF-8 can encode, with escapes for other bytes of file names.

    File names contain surrogates for undecodable bytes, which rclpy and OpenCV do not accept.
    """
    try:
        return text.encode('utf-8', 'surrogateescape').decode('utf-8', 'backslashreplace')
    except UnicodeEncodeError:
        return text.encode('utf-8', 'backslashreplace').decode('utf-8')


def explained(error: BaseException) -> str:
    """Return the message of an error; for an OSError the file and the reason."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f'{os.fsdecode(error.filename)}: {error.strerror}'
    return str(error)


def describe(error: BaseException) -> str:
    """Return an error in one line, with its class unless its message is written for the user.

    That holds for ValueError, OSError and the errors that this package defines.
    """
    text, kind = in_one_line(error), type(error)
    is_for_users = isinstance(error, (ValueError, OSError))
    if is_for_users or kind.__module__.startswith(f'{__package__}.') or text == repr(error):
        return text
    return f'{kind.__name__}: {text}'
