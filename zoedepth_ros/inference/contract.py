"""The contract by which a network of others describes itself: its input and what its depth means.

docs/other_networks.md is the reference of every key.  Imports no torch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoedepth_ros.errors import quoted, shortened
from zoedepth_ros.files import parse_yaml, read_text

KEY = 'depth_contract'
"""Key of the metadata of a file whose value is the contract, and the version in the contract."""
VERSION = 1

NCHW, NHWC = 'NCHW', 'NHWC'
METRIC, CANONICAL = 'metric', 'canonical'
IMAGE, NETWORK = 'image', 'network'
STRETCH, PAD = 'stretch', 'pad'

_REFUSED = {
    'disparity': 'disparity and inverse depth have an unknown offset, so they give no metric '
    'depth',
    'relative': 'relative depth has an unknown scale, so it gives no metric depth',
}
_DOMAIN = re.compile('[a-z][a-z0-9_]*')
_LARGEST_M, _LARGEST_PX = 10_000.0, 16384

Triple = tuple[float, float, float]


class ContractError(ValueError):
    """A contract that cannot be used; the message names the key, what was expected and found."""


@dataclass(frozen=True, slots=True)
class InputContract:
    """The image that the network expects."""

    name: str
    """Name of the input; '' for the only one."""
    layout: str
    """'NCHW' or 'NHWC', with one image."""
    color: str
    """'RGB' or 'BGR': order of the channels."""
    range: tuple[float, float]
    """Values of a black and a white pixel, before mean and standard deviation."""
    mean: Triple
    """Subtracted from each channel, in the order of `color`."""
    std: Triple
    """Divides each channel, in the order of `color`."""
    height: int
    """Rows [px]; 0 if the size follows the image."""
    width: int
    """Columns [px]; 0 if the size follows the image."""
    multiple: int
    """Both sides are multiples of this [px]."""
    longest: int
    """Length of the longer side where the size follows the image [px]; 0 for none."""
    shortest: int
    """Length of the shorter side where the size follows the image [px]; 0 for none."""
    resize: str
    """'stretch' or 'pad'."""

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return (rows, columns) of the input for an image of this size."""
        if self.height:
            return self.height, self.width
        wanted, side = self.longest or self.shortest, max(height, width)
        if self.shortest:
            side = min(height, width)
        scale = wanted / side if wanted else 1.0
        rows, columns = (
            max(1, math.floor(scale * length / self.multiple + 0.5)) * self.multiple
            for length in (height, width)
        )
        return rows, columns


@dataclass(frozen=True, slots=True)
class FocalRule:
    """Depth [m] = output * focal length [px] / canonical_px."""

    canonical_px: float
    """Focal length of the canonical camera [px]."""
    pixels: str
    """Whether the focal length is in pixels of the 'image' or of the 'network' input."""
    axis: str
    """'mean' of fx and fy, 'x' or 'y'."""

    def per_focal_px(self, scale_x: float, scale_y: float) -> tuple[float, float]:
        """Return the factors (kx, ky) of depth [m] = output * (kx * fx + ky * fy).

        fx, fy: of the image [px].  scale_x, scale_y: pixels of the input per pixel of the image.
        """
        share_x = {'mean': 0.5, 'x': 1.0, 'y': 0.0}[self.axis]
        if self.pixels == IMAGE:
            scale_x = scale_y = 1.0
        return (
            share_x * scale_x / self.canonical_px,
            (1.0 - share_x) * scale_y / self.canonical_px,
        )


@dataclass(frozen=True, slots=True)
class Threshold:
    """An output that divides the pixels in two by a threshold."""

    output: str
    """Name of the output."""
    limit: float
    """The threshold."""
    above: bool
    """True: holds where the output is above the limit; False: where it is below."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What a network of others expects and returns."""

    name: str
    """Name of the network."""
    license: str
    """Licence of the weights, as their authors state it."""
    input: InputContract
    """The image that it expects."""
    depth: str
    """Name of the output with the depth."""
    along_ray: bool
    """True: depth is the distance from the camera; False: along the optical axis."""
    focal: FocalRule | None
    """How canonical depth becomes metric; None for depth in metres."""
    training_hfov_rad: float
    """Horizontal field of view of the training camera [rad]; 0.0 for none."""
    sky: Threshold | None
    """Where the sky is."""
    confidence: Threshold | None
    """Where the depth counts."""
    spread: str
    """Name of the output with the standard deviation, in the unit of the depth; '' for none."""
    domain: str
    """Name of the head."""
    range_m: tuple[float, float]
    """Nearest and farthest depth that the network measures [m]."""


def read_contract(path: Path, metadata: Mapping[str, str]) -> Contract | None:
    """Return the contract of a file, from its metadata or from `<file>.yaml` beside it, or None.

    Raises ContractError for an invalid contract, and if there are two that differ.
    """
    beside = contract_file(path)
    texts = {}
    if KEY in metadata:
        texts[f'metadata {KEY!r} of {path}'] = metadata[KEY]
    if beside.is_file():
        try:
            texts[str(beside)] = read_text(beside)
        except (OSError, ValueError) as error:
            raise ContractError(f'{beside}: {error}') from error
    found = {source: _parsed(text, source) for source, text in texts.items()}
    if not found:
        return None
    first, *others = found.values()
    if any(other != first for other in others):
        raise ContractError(
            f'{" and ".join(found)} differ: remove one of them, or make them equal'
        )
    return first


def contract_file(path: Path) -> Path:
    """Return where the contract of a file lies if it is not in its metadata."""
    return path.with_name(f'{path.name}.yaml')


def expected_contract(path: Path) -> str:
    """Return where a contract is expected, and which file beside it looks like one."""
    names = (f'{path.stem}.yaml', f'{path.stem}.yml', f'{path.name}.yml')
    unread = [name for name in names if path.with_name(name).is_file()]
    hint = f' ({unread[0]} exists, but a file of this name is not read)' if unread else ''
    return f'expected the metadata {KEY!r} in the file, or a file {contract_file(path)}{hint}'


def contract_text(path: Path, metadata: Mapping[str, str]) -> str:
    """Return the text of the contract of a file; '' for none."""
    beside = contract_file(path)
    return metadata.get(KEY) or (read_text(beside) if beside.is_file() else '')


def _parsed(text: str, source: str) -> Contract:
    try:
        return parse_contract(parse_yaml(text))
    except ContractError as error:
        raise ContractError(f'{source}: {error}') from None
    except ValueError as error:
        raise ContractError(
            f'{source}: the contract (description of inputs and outputs, see '
            f'docs/other_networks.md) is not YAML: {error}'
        ) from error


def parse_contract(content: Any) -> Contract:
    """Return the contract of parsed YAML.  Raises ContractError."""
    top = _Section('', content)
    if not top.has(KEY):
        raise ContractError(f'{KEY} is missing: expected the line "{KEY}: {VERSION}"')
    expected = f'{VERSION}, the version of the contract'
    top.take(KEY, expected, lambda x: type(x) is int and x == VERSION)
    input_, depth, head = top.section('input'), top.section('depth'), top.section('head')
    kind = depth.choice('kind', (METRIC, CANONICAL, *_REFUSED))
    if kind in _REFUSED:
        raise ContractError(f'depth.kind {kind}: {_REFUSED[kind]}')
    focal, hfov_rad = None, 0.0
    if kind == CANONICAL:
        rule = depth.section('focal')
        focal = FocalRule(
            rule.number('canonical', 1.0, _LARGEST_PX),
            rule.choice('pixels', (IMAGE, NETWORK)),
            rule.choice('axis', ('mean', 'x', 'y')),
        )
        rule.end()
    else:
        hfov_rad = math.radians(depth.number('training_hfov_deg', 1.0, 170.0, default=0.0))
    spread = top.section('spread', optional=True)
    contract = Contract(
        name=top.text('name'),
        license=top.text('license'),
        input=_input(input_),
        depth=depth.text('output'),
        along_ray=depth.choice('along', ('z', 'ray')) == 'ray',
        focal=focal,
        training_hfov_rad=hfov_rad,
        sky=_threshold(top.section('sky', optional=True)),
        confidence=_threshold(top.section('confidence', optional=True)),
        spread='' if spread is None else spread.text('output'),
        domain=head.text('domain'),
        range_m=head.numbers('range', 2, 0.0, _LARGEST_M),
    )
    for section in (top, depth, head, *([] if spread is None else [spread])):
        section.end()
    if not _DOMAIN.fullmatch(contract.domain) or contract.domain == 'auto':
        raise ContractError(
            'head.domain must consist of lower-case letters, digits and _, and must not be auto, '
            f'got {quoted(contract.domain)}'
        )
    if not contract.range_m[0] < contract.range_m[1]:
        raise ContractError(
            f'head.range must be [near, far] with near < far, got {list(contract.range_m)}'
        )
    return contract


def _input(section: _Section) -> InputContract:
    found = InputContract(
        name=section.text('name', default=''),
        layout=section.choice('layout', (NCHW, NHWC)),
        color=section.choice('color', ('RGB', 'BGR')),
        range=section.numbers('range', 2, -1e4, 1e4),
        mean=section.numbers('mean', 3, -1e4, 1e4),
        std=section.numbers('std', 3, 1e-6, 1e4),
        height=section.whole('height', default=0),
        width=section.whole('width', default=0),
        multiple=section.whole('multiple', default=1),
        longest=section.whole('longest', default=0),
        shortest=section.whole('shortest', default=0),
        resize=section.choice('resize', (STRETCH, PAD)),
    )
    has_multiple = section.has('multiple')
    section.end()
    if found.range[0] == found.range[1]:
        raise ContractError(f'input.range must be two different values, got {list(found.range)}')
    if bool(found.height) != bool(found.width):
        raise ContractError('input needs both height and width, or neither of the two')
    if not found.height and not has_multiple:
        raise ContractError(
            'input has no size: expected height and width [px], or multiple (of both sides) for '
            'a size that follows the image'
        )
    for side in ('height', 'width'):
        if getattr(found, side) % found.multiple:
            raise ContractError(
                f'input.{side} must be a multiple of {found.multiple}, got {getattr(found, side)}'
            )
    if found.height and (found.longest or found.shortest):
        raise ContractError(
            'input.longest and input.shortest are allowed only without input.height and '
            'input.width'
        )
    if found.longest and found.shortest:
        raise ContractError(
            'input has both input.longest and input.shortest: expected one of the two'
        )
    if found.resize == PAD and not found.height:
        raise ContractError('input.resize: pad needs input.height and input.width')
    return found


def _threshold(section: _Section | None) -> Threshold | None:
    if section is None:
        return None
    limits = {
        name: section.number(name, -1e9, 1e9) for name in ('above', 'below') if section.has(name)
    }
    if len(limits) != 1:
        raise ContractError(
            f'{section.name} needs either {section.name}.above or {section.name}.below'
        )
    ((name, limit),) = limits.items()
    found = Threshold(section.text('output'), limit, name == 'above')
    section.end()
    return found


class _Section:
    """Take the values of a mapping one by one, with errors that name the key."""

    def __init__(self, name: str, content: Any) -> None:
        """name: dotted, '' for the whole contract."""
        if not isinstance(content, dict):
            raise ContractError(
                f'{name or "the contract"} must be a mapping, got {quoted(content)}'
            )
        self.name, self._left = name, dict(content)
        self._names = set(content)

    def has(self, key: str) -> bool:
        """Return whether there was such a key."""
        return key in self._names

    def take(
        self, key: str, expected: str, is_right: Callable[[Any], bool], default: Any = None
    ) -> Any:
        """Return and remove a value; the default, if there is one, for a key that is missing."""
        if key not in self._left:
            if default is None:
                raise ContractError(f'{self._path(key)} is missing')
            return default
        value = self._left.pop(key)
        if not is_right(value):
            raise ContractError(f'{self._path(key)} must be {expected}, got {quoted(value)}')
        return value

    def section(self, key: str, *, optional: bool = False) -> Any:
        """Return the section of this name; None for an optional one that is missing."""
        if optional and key not in self._left:
            return None
        return _Section(self._path(key), self.take(key, 'anything', lambda x: True))

    def text(self, key: str, *, default: str | None = None) -> str:
        """Return a text that is not empty, except for the default."""

        def right(value: Any) -> bool:
            return isinstance(value, str) and bool(value.strip())

        return str(self.take(key, 'a text', right, default)).strip()

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """Return one of the choices."""
        return str(self.take(key, f'one of {", ".join(choices)}', lambda x: x in choices))

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """Return a number from low to high."""
        expected = f'a number from {low:g} to {high:g}'
        return float(self.take(key, expected, lambda x: _is_number(x, low, high), default))

    def numbers(self, key: str, count: int, low: float, high: float) -> Any:
        """Return a tuple of `count` numbers from low to high."""

        def right(value: Any) -> bool:
            is_list = isinstance(value, list) and len(value) == count
            return is_list and all(_is_number(item, low, high) for item in value)

        expected = f'{count} numbers from {low:g} to {high:g}'
        return tuple(map(float, self.take(key, expected, right)))

    def whole(self, key: str, *, default: int) -> int:
        """Return a positive whole number, except for the default."""
        expected = f'a whole number from 1 to {_LARGEST_PX}'
        return int(
            self.take(key, expected, lambda x: type(x) is int and 1 <= x <= _LARGEST_PX, default)
        )

    def end(self) -> None:
        """Raise ContractError for keys that were not taken."""
        if self._left:
            names = ', '.join(self._path(str(key)) for key in self._left)
            raise ContractError(
                f'the contract has keys that are unknown or have no effect: {shortened(names)}'
            )

    def _path(self, key: str) -> str:
        return f'{self.name}.{key}' if self.name else key


def _is_number(value: Any, low: float, high: float) -> bool:
    return type(value) in (int, float) and low <= value <= high
