"""Open the source that the parameter `source` names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from zoedepth_ros.demo.sources.base import FrameSource, SourceError, SourceImage
from zoedepth_ros.demo.sources.capture import Video, Webcam
from zoedepth_ros.demo.sources.still_images import StillImages, image_files, images_in, photographs
from zoedepth_ros.errors import quoted
from zoedepth_ros.files import IMAGE_SUFFIXES

PHOTOGRAPHS, TRAJECTORY = 'photographs', 'trajectory'

Name = int | str | Sequence[str]


def check_source(source: object) -> None:
    """Raise SourceError unless a value of the parameter `source` can name one."""
    names = source if isinstance(source, (list, tuple)) and source else [source]
    is_number = type(source) is int and source >= 0
    if not is_number and not all(isinstance(name, str) and name for name in names):
        raise SourceError(
            'source must be the number of a webcam, a video, a folder, an image or a list of '
            f'images, got {quoted(source)}'
        )


def has_ground_truth(source: Name) -> bool:
    """Tell whether some images of the source have ground truth."""
    return source == TRAJECTORY or (not isinstance(source, (int, str)) and TRAJECTORY in source)


def open_source(
    source: Name,
    *,
    loop: bool,
    dwell_s: float,
    warn: Callable[[str], None],
    trajectory: Callable[..., FrameSource],
) -> FrameSource:
    """Open a source by its name; raises SourceError.

    source: the number of a webcam or its device file, a video, a folder, one or several images,
    'photographs', 'trajectory', or a list of these two.  dwell_s: time for each still image [s],
    0 for one read.  warn: called with a message about everything that is skipped.  trajectory:
    opens 'trajectory', called with `loop`.
    """
    if isinstance(source, int) or (isinstance(source, str) and source.isdecimal()):
        return Webcam(int(source))
    still = partial(StillImages, loop=loop, dwell_s=dwell_s, warn=warn)
    if not isinstance(source, str):
        if {TRAJECTORY, PHOTOGRAPHS} & set(source):
            open_one = partial(open_source, dwell_s=dwell_s, warn=warn, trajectory=trajectory)
            return _open_sequence(source, open_one, loop, warn)
        paths = [_path(name) for name in source]
        return still(image_files(paths), f'{len(paths)} images')
    if source == PHOTOGRAPHS:
        return still(photographs(), PHOTOGRAPHS)
    if source == TRAJECTORY:
        return trajectory(loop=loop)
    path = _path(source)
    if path.is_char_device():
        return Webcam(source)
    if path.is_dir():
        paths = images_in(path)
        return still(image_files(paths), f'{len(paths)} images of {path}')
    if path.suffix.lower() in IMAGE_SUFFIXES or not path.exists():
        return still(image_files([path]), str(path))
    return Video(path, loop=loop)


def _path(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise SourceError(f'there is no home folder for ~ in {name}') from None


def _open_sequence(
    names: Sequence[str],
    open_one: Callable[..., FrameSource],
    loop: bool,
    warn: Callable[[str], None],
) -> SourceSequence:
    """Open several sources; skip one that cannot be opened with a warning."""
    opened: list[FrameSource] = []
    for name in reversed(names):  # only the last one that opens may loop
        try:
            opened.insert(0, open_one(name, loop=loop and not opened))
        except SourceError as error:
            if name == names[0] and not opened:
                raise
            warn(f'{error}; this source is skipped')
    return SourceSequence(opened)


class SourceSequence:
    """Show one source until its end, then the next."""

    def __init__(self, sources: Sequence[FrameSource]) -> None:
        """sources: at least one; the last one may loop."""
        self._sources = list(sources)
        self._index, self._start_s = 0, 0.0
        self.description = ', then '.join(source.description for source in sources)

    def read(self, time_s: float) -> SourceImage | None:
        """Return the image of the current source."""
        while self._index < len(self._sources):
            image = self._sources[self._index].read(time_s - self._start_s)
            if image is not None:
                return image
            self._index, self._start_s = self._index + 1, time_s
        return None

    def close(self) -> None:
        """Close every source."""
        for source in self._sources:
            source.close()
