"""Find out what a source of pictures is called, and open it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from zoedepth_ros.demo.sources.chain import Chain
from zoedepth_ros.demo.sources.image import PictureSource, SourceError
from zoedepth_ros.demo.sources.slides import (
    PICTURE_SUFFIXES,
    Slides,
    file_slides,
    photographs,
    pictures_in,
)
from zoedepth_ros.demo.sources.trajectory import DrawnWalk
from zoedepth_ros.demo.sources.video import Video
from zoedepth_ros.demo.sources.webcam import Webcam
from zoedepth_ros.synthetic.trajectory import PLANS

PHOTOGRAPHS, WALK = 'photographs', 'walk'
KINDS_OF_WALK = tuple(PLANS)

Name = int | str | Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkPlan:
    """Hold what the source 'walk' shows."""

    kind: str = 'door'
    """One of KINDS_OF_WALK."""

    seed: int = 0
    """Which house, which street."""

    duration_s: float = 0.0
    """How long it may take [s]; 0.0 for a walking pace."""

    width: int = 320
    """Width of the pictures, which are 4:3 [px]."""

    rate_hz: float = 10.0
    """Pictures per second of walking [Hz]."""


def names_walk(source: Name) -> bool:
    """Tell whether pictures with truth may come."""
    return source == WALK or (not isinstance(source, (int, str)) and WALK in source)


def open_source(
    source: Name,
    *,
    loop: bool,
    dwell_s: float,
    warn: Callable[[str], None],
    walk: WalkPlan | None = None,
) -> PictureSource:
    """Find out what `source` names and open it.

    source: the number of a webcam or its device file, a video, a folder, one or several pictures,
    'photographs', 'walk', or these two one after the other.  dwell_s: how long one still picture
    is shown, 0 for one read.  warn: told about what is left out.  walk: what 'walk' shows.
    Raises SourceError.
    """
    if isinstance(source, int) or (isinstance(source, str) and source.isdigit()):
        return Webcam(int(source))
    show = partial(Slides, loop=loop, dwell_s=dwell_s, warn=warn)
    if not isinstance(source, str) and {WALK, PHOTOGRAPHS} & set(source):
        return _chain(
            source, partial(open_source, dwell_s=dwell_s, warn=warn, walk=walk), loop, warn
        )
    if not isinstance(source, str):
        paths = [Path(name).expanduser() for name in source]
        return show(file_slides(paths), f'{len(paths)} pictures')
    if source == PHOTOGRAPHS:
        return show(photographs(), PHOTOGRAPHS)
    if source == WALK:
        plan = walk or WalkPlan()
        return DrawnWalk(
            plan.kind,
            plan.seed,
            width=plan.width,
            duration_s=plan.duration_s,
            rate_hz=plan.rate_hz,
            loop=loop,
        )
    path = Path(source).expanduser()
    if path.is_char_device():
        return Webcam(source)
    if path.is_dir():
        paths = pictures_in(path)
        return show(file_slides(paths), f'{len(paths)} pictures of {path}')
    if path.suffix.lower() in PICTURE_SUFFIXES or not path.exists():
        return show(file_slides([path]), str(path))
    return Video(path, loop=loop)


def _chain(
    names: Sequence[str],
    open_one: Callable[..., PictureSource],
    loop: bool,
    warn: Callable[[str], None],
) -> Chain:
    """Open sources one after the other; one that cannot be opened is left out with a warning."""
    opened: list[PictureSource] = []
    for name in reversed(names):  # whichever is the last that opens may go on for ever
        try:
            opened.insert(0, open_one(name, loop=loop and not opened))
        except SourceError as error:
            if name == names[0] and not opened:
                raise
            warn(f'{error}; left out')
    return Chain(opened)
