"""Find out what a source of pictures is called, and open it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from zoedepth_ros.ros.source.picture import PictureSource
from zoedepth_ros.ros.source.slides import (
    PICTURE_SUFFIXES,
    Slides,
    file_slides,
    photographs,
    pictures_in,
)
from zoedepth_ros.ros.source.video import Video
from zoedepth_ros.ros.source.webcam import Webcam

PHOTOGRAPHS = 'photographs'


def open_source(
    source: int | str | Sequence[str],
    *,
    loop: bool,
    dwell_s: float,
    warn: Callable[[str], None],
) -> PictureSource:
    """Find out what `source` names and open it.

    source: the number of a webcam or its device file, a video, a folder, one or several pictures,
    or 'photographs'.  dwell_s: how long one still picture is shown, 0 for one read.  warn: told
    about files that are left out.  Raises SourceError.
    """
    if isinstance(source, int) or (isinstance(source, str) and source.isdigit()):
        return Webcam(int(source))
    show = partial(Slides, loop=loop, dwell_s=dwell_s, warn=warn)
    if not isinstance(source, str):
        paths = [Path(name).expanduser() for name in source]
        return show(file_slides(paths), f'{len(paths)} pictures')
    if source == PHOTOGRAPHS:
        return show(photographs(), PHOTOGRAPHS)
    path = Path(source).expanduser()
    if path.is_char_device():
        return Webcam(source)
    if path.is_dir():
        paths = pictures_in(path)
        return show(file_slides(paths), f'{len(paths)} pictures of {path}')
    if path.suffix.lower() in PICTURE_SUFFIXES or not path.exists():
        return show(file_slides([path]), str(path))
    return Video(path, loop=loop)
