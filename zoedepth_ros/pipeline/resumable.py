"""What objects remember between images, as values that JSON can hold."""

from __future__ import annotations

import base64
import zlib
from collections import deque
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, ClassVar

import numpy as np

_KIND = 'is'
_KINDS: dict[str, type] = {}
"""Classes that a snapshot can hold, by name."""


class Resumable:
    """Base of objects that can continue where another one of their class has stopped."""

    KEPT: ClassVar[tuple[str, ...]] = ()
    """Attributes that depend on earlier images; settings are not among them."""

    def __init_subclass__(cls, holds: tuple[type, ...] = ()) -> None:
        """holds: dataclasses that are values of these attributes.

        Raises TypeError for a class with the name of another one.
        """
        for kind in (cls, *holds):
            known = _KINDS.setdefault(kind.__name__, kind)
            if known.__module__ != kind.__module__:
                raise TypeError(
                    f'{kind.__module__} and {known.__module__} both define {kind.__name__}'
                )
            _KINDS[kind.__name__] = kind

    def snapshot(self) -> dict[str, Any]:
        """Return the past as plain values; arrays are exact, and small enough for JSON."""
        return {name.lstrip('_'): _plain(getattr(self, name)) for name in self.KEPT}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Continue after the image of which this was the snapshot."""
        for name in self.KEPT:
            setattr(self, name, _value(snapshot[name.lstrip('_')], getattr(self, name)))


def _plain(value: Any) -> Any:
    kind = {_KIND: type(value).__name__}
    if isinstance(value, Resumable):
        return kind | value.snapshot()
    if isinstance(value, np.ndarray):
        packed = zlib.compress(np.ascontiguousarray(value).tobytes(), 1)
        text = base64.b64encode(packed).decode('ascii')
        return kind | {'dtype': value.dtype.str, 'shape': list(value.shape), 'zlib': text}
    if is_dataclass(value):
        return kind | {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return kind | {'items': [_plain(part) for part in value]}
    if isinstance(value, (list, deque)):
        return [_plain(part) for part in value]
    return value


def _value(plain: Any, now: Any = None) -> Any:
    """Return what `_plain` was given; now: the present value, whose settings stay."""
    if isinstance(plain, list):
        found = [_value(part) for part in plain]
        return deque(found, now.maxlen) if isinstance(now, deque) else found
    if not isinstance(plain, Mapping):
        return plain
    parts = dict(plain)
    name = parts.pop(_KIND, None)
    if name is None:
        known = now if isinstance(now, Mapping) else {}
        return {key: _value(part, known.get(key)) for key, part in parts.items()}
    if name == 'ndarray':
        data = zlib.decompress(base64.b64decode(parts['zlib']))
        return np.frombuffer(data, parts['dtype']).reshape(parts['shape']).copy()
    if name == 'tuple':
        return tuple(_value(part) for part in parts['items'])
    kind = _KINDS[name]
    if not issubclass(kind, Resumable):
        return kind(**{key: _value(part) for key, part in parts.items()})
    made = now if isinstance(now, kind) else kind()
    made.restore(parts)
    return made
