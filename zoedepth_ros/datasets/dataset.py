"""What all data sets share: a sequence of samples, and what happens to a file that is broken."""

from __future__ import annotations

import glob
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.datasets.errors import DatasetError
from zoedepth_ros.datasets.picture_size import PictureSize, resize_picture
from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.media.sample import Sample


@dataclass(frozen=True, slots=True)
class Entry:
    """The files of one sample."""

    picture: Path
    """The colour picture."""
    depth: Path
    """The file with its depth."""
    masks: tuple[Path, ...] = ()
    """Pictures or arrays that say where the depth holds."""
    focal_px: float = 0.0
    """Focal length by the data set's list [px]; 0 where there is none."""


class DepthDataset(ABC):
    """A sequence of samples read from files, in a fixed order.

    Indexing raises DatasetError for a missing or damaged file. Iterating does so too, unless
    `skip_damaged` was given: then such samples are left out and their errors kept in `skipped`.
    """

    name: str
    """Name of the data set, as in the registry."""
    domain: str
    """'indoor' or 'outdoor'."""
    picture_size: PictureSize = PictureSize()
    """Size the evaluation brings pictures to before the network; samples stay as the files are."""

    def __init__(self, root: Path | str, *, skip_damaged: bool = False) -> None:
        self.root = Path(root).expanduser()
        self.skip_damaged = skip_damaged
        self.skipped: list[DatasetError] = []
        """Errors of the samples left out by the latest iteration."""
        if not self.root.is_dir():
            raise DatasetError(self.name, self.root, 'no such folder', 'the root of the data set')
        self.entries: Sequence[Entry] = self._find()

    @abstractmethod
    def _find(self) -> Sequence[Entry]:
        """List the samples in a fixed order, without reading them."""

    @abstractmethod
    def _read(self, entry: Entry) -> Sample:
        """Read one sample."""

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Sample:
        return self._read(self.entries[index])

    def __iter__(self) -> Iterator[Sample]:
        self.skipped = []
        for entry in self.entries:
            try:
                sample = self._read(entry)
            except DatasetError as error:
                if not self.skip_damaged:
                    raise
                self.skipped.append(error)
                continue
            yield sample

    def picture(self, sample: Sample) -> NDArray[np.float32]:
        """Return the sample's picture in [0, 1] at the evaluation's size: float32 (h, w, 3)."""
        return resize_picture(sample.rgb, self.picture_size)

    def _sample(
        self, entry: Entry, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32]
    ) -> Sample:
        """Build a sample from a picture and depths of which only those above 0 are known."""
        if rgb.shape[:2] != depth_m.shape:
            problem = f'depth of size {depth_m.shape} beside a picture of {rgb.shape[:2]}'
            raise DatasetError(self.name, entry.depth, problem, 'both of one size')
        known = np.where(depth_m > 0, depth_m, np.nan).astype(np.float32)
        return Sample(
            rgb=rgb, depth_m=known, camera=None, domain=self.domain, name=self._name_of(entry)
        )

    def _name_of(self, entry: Entry) -> str:
        try:
            return entry.picture.relative_to(self.root).as_posix()
        except ValueError:
            return entry.picture.as_posix()

    def _glob(self, pattern: str) -> list[Path]:
        """List files under the root in sorted order; folders may be links."""
        # not Path.glob: its ** does not enter linked folders
        names = sorted(glob.glob(pattern, root_dir=self.root, recursive=True))  # noqa: PTH207
        if not names:
            raise DatasetError(self.name, self.root, 'no picture found', f'files {pattern}')
        return [self.root / name for name in names]


def camera_of(focal_px: float, height: int, width: int, *, cut_top: int = 0) -> Intrinsics | None:
    """Return the camera of an image by its focal length [px]; None where that is 0.

    The axis is taken for the middle of the image, of which `cut_top` rows were cut off above.
    """
    if focal_px <= 0.0:
        return None
    cx_px, cy_px = 0.5 * (width - 1), 0.5 * (height - cut_top - 1)
    return Intrinsics(focal_px, focal_px, cx_px, cy_px, width, height)


def kb_crop(array: NDArray, name: str, path: Path) -> NDArray:
    """Cut the 352 x 1216 bottom centre out of (H, W, ...), the KITTI benchmark's size.

    Raises DatasetError for a smaller one.
    """
    height, width = array.shape[:2]
    if height < 352 or width < 1216:
        raise DatasetError(name, path, f'size {height} x {width}', 'at least 352 x 1216')
    top, left = height - 352, int((width - 1216) / 2)
    return array[top:, left : left + 1216]
