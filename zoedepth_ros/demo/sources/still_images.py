"""Still images, one after the other: files, or photographs that other packages contain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2

from zoedepth_ros.demo.sources.base import Rgb, SourceError, SourceImage
from zoedepth_ros.files import IMAGE_SUFFIXES
from zoedepth_ros.media.files import ImageFileError, read_image

_MAX_PHOTOGRAPH_WIDTH_PX = 640


@dataclass(frozen=True, slots=True)
class StillImage:
    """A still image that is loaded when it is needed."""

    name: str
    load: Callable[[], Rgb]
    """Return the image; raises SourceError."""


class StillImages:
    """Show still images one after the other."""

    def __init__(
        self,
        images: Sequence[StillImage],
        description: str,
        *,
        loop: bool,
        dwell_s: float,
        warn: Callable[[str], None],
    ) -> None:
        """Load the first one, so that a wrong file is reported at once; raises SourceError.

        dwell_s: time for each image [s]; 0 gives the next one with every read.
        """
        self.description = description
        self._images = list(images)
        self._loop, self._dwell_s, self._warn = loop, dwell_s, warn
        self._reads = 0
        self._current: tuple[StillImage, SourceImage] | None = None
        if self._load(0) is None:
            raise SourceError('the list of images is empty')

    def read(self, time_s: float) -> SourceImage | None:
        """Return the image of this time."""
        index = int(time_s / self._dwell_s) if self._dwell_s > 0.0 else self._reads
        self._reads += 1
        return self._load(index)

    def _load(self, index: int) -> SourceImage | None:
        while self._images:
            if index >= len(self._images) and not self._loop:
                return None
            still = self._images[index % len(self._images)]
            if self._current is not None and self._current[0] is still:
                return self._current[1]
            try:
                image = SourceImage(still.load(), still.name)
            except SourceError as error:
                self._images.remove(still)
                if not self._images:
                    raise
                self._warn(f'{error}; this image is skipped')
                continue
            self._current = still, image
            return image
        return None

    def close(self) -> None:
        """Do nothing: no file stays open."""


def image_files(paths: Sequence[Path]) -> list[StillImage]:
    """Return a still image for each file, unread; raises SourceError for a missing file."""
    for path in paths:
        if not path.is_file():
            raise SourceError(f'no such image, video or folder: {path}')
    return [StillImage(path.name, partial(_read, path)) for path in paths]


def images_in(folder: Path) -> list[Path]:
    """Return the images of a folder sorted by name; raises SourceError if it has none."""
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise SourceError(f'no images in {folder}: expected {", ".join(IMAGE_SUFFIXES)}')
    return found


def _read(path: Path) -> Rgb:
    try:
        return read_image(path)
    except (ImageFileError, OSError) as error:
        raise SourceError(f'not a readable image: {error}') from None


def photographs() -> list[StillImage]:
    """Return the photographs that scikit-image (a table) and scikit-learn (a temple) contain.

    Raises SourceError naming the packages if neither is installed.
    """
    found = []
    for name, module, load in _PHOTOGRAPHS:
        try:
            rgb = _shrunk(load(import_module(module)))
        except (ImportError, AttributeError, OSError):
            continue
        found.append(StillImage(name, lambda rgb=rgb: rgb))  # type: ignore[misc]
    if not found:
        raise SourceError(
            'the photographs of scikit-image and scikit-learn are not installed: pip '
            'install scikit-image scikit-learn, or set source to an image, a folder or '
            'a video'
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
