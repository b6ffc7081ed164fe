"""Still pictures, one after the other: files, or photographs that come with packages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2

from zoedepth_ros.demo.sources.image import Picture, Rgb, SourceError
from zoedepth_ros.media.files import PictureError, read_picture

PICTURE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff', '.webp', '.ppm', '.pgm')
_MAX_PHOTOGRAPH_WIDTH_PX = 640


@dataclass(frozen=True, slots=True)
class Slide:
    """Hold the name of a still picture and how to get it."""

    name: str
    """What to call it."""

    load: Callable[[], Rgb]
    """Give the picture; raises SourceError."""


class Slides:
    """Show still pictures one after the other."""

    def __init__(
        self,
        slides: Sequence[Slide],
        description: str,
        *,
        loop: bool,
        dwell_s: float,
        warn: Callable[[str], None],
    ) -> None:
        """Load the first one, so that a wrong file is known at once; raises SourceError."""
        self.description = description
        self._slides = list(slides)
        self._loop, self._dwell_s, self._warn = loop, dwell_s, warn
        self._reads = 0
        self._shown: tuple[Slide, Picture] | None = None
        if self._picture(0) is None:
            raise SourceError('no pictures were named')

    def read(self, time_s: float) -> Picture | None:
        """Give the picture whose turn it is."""
        turn = int(time_s / self._dwell_s) if self._dwell_s > 0.0 else self._reads
        self._reads += 1
        return self._picture(turn)

    def _picture(self, turn: int) -> Picture | None:
        while self._slides:
            if turn >= len(self._slides) and not self._loop:
                return None
            slide = self._slides[turn % len(self._slides)]
            if self._shown is not None and self._shown[0] is slide:
                return self._shown[1]
            try:
                picture = Picture(slide.load(), slide.name)
            except SourceError as error:
                self._leave_out(slide, error)
                continue
            self._shown = slide, picture
            return picture
        return None

    def _leave_out(self, slide: Slide, error: SourceError) -> None:
        self._slides.remove(slide)
        if not self._slides:
            raise error
        self._warn(f'{error}; left out')

    def close(self) -> None:
        """Nothing is held."""


def file_slides(paths: Sequence[Path]) -> list[Slide]:
    """Give a slide for each file, unread; raises SourceError for one that does not exist."""
    for path in paths:
        if not path.is_file():
            raise SourceError(f'no such picture, video or folder: {path}')
    return [Slide(path.name, partial(read_file, path)) for path in paths]


def pictures_in(folder: Path) -> list[Path]:
    """Give the pictures of a folder by name; raises SourceError when it has none."""
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES)
    if not found:
        raise SourceError(f'no pictures in {folder}: expected {", ".join(PICTURE_SUFFIXES)}')
    return found


def read_file(path: Path) -> Rgb:
    """Read a picture upright; raises SourceError naming the file."""
    try:
        return read_picture(path)
    except (PictureError, OSError) as error:
        raise SourceError(f'not a readable picture: {error}') from None


def photographs() -> list[Slide]:
    """Give the photographs that come with scikit-image (a table) and scikit-learn (a temple).

    Raises SourceError naming the packages when neither is there.
    """
    found = []
    for name, module, load in _PHOTOGRAPHS:
        try:
            rgb = _shrunk(load(import_module(module)))
        except (ImportError, AttributeError, OSError):
            continue
        found.append(Slide(name, partial(_same, rgb)))
    if not found:
        raise SourceError(
            "no photographs here: they come with scikit-image and scikit-learn ('pip install "
            "scikit-image scikit-learn'); name a picture, a folder or a video instead"
        )
    return found


_PHOTOGRAPHS: tuple[tuple[str, str, Callable[[Any], Rgb]], ...] = (
    ('coffee', 'skimage.data', lambda module: module.coffee()),
    ('china', 'sklearn.datasets', lambda module: module.load_sample_image('china.jpg')),
)


def _shrunk(rgb: Rgb) -> Rgb:
    factor = min(1.0, _MAX_PHOTOGRAPH_WIDTH_PX / rgb.shape[1])
    size = round(factor * rgb.shape[1]), round(factor * rgb.shape[0])
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)


def _same(rgb: Rgb) -> Rgb:
    return rgb
