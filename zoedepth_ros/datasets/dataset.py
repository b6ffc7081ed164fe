"""The base of all data sets: a sequence of samples, evaluation sizes, and handling of errors."""

from __future__ import annotations

import glob
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.datasets.file_formats import DatasetError, read_npy, read_png16, read_rgb
from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.media.sample import Sample

EvaluationSize = tuple[int, int] | int | None
"""Size to which a protocol resizes images: (height, width), the length of the shorter side at a
constant aspect ratio, or None for unchanged images [px]."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The files of one sample."""

    image: Path
    """The colour image."""
    depth: Path
    """The depth file."""
    masks: tuple[Path, ...] = ()
    """Images that mark valid depth."""
    focal_px: float = 0.0
    """Focal length in the data set's list [px]; 0 if there is none."""


class DepthDataset(ABC):
    """A sequence of samples read from files, in a fixed order.

    Indexing raises DatasetError for a missing or damaged file.  Iterating does so too, unless
    `skip_damaged` is set: then such samples are skipped and their errors collected in `skipped`.
    """

    name: str
    """Name of the data set, as in the registry."""
    domain: str
    """'indoor' or 'outdoor'."""
    evaluation_size: EvaluationSize = None
    """Size of `evaluation_image`; samples keep the size of their files."""
    steps_per_m: float = 1000.0
    """Value of its 16-bit depth PNGs at one metre."""
    depth_hint: str = ''
    """Other expected depth files, for the error of a missing PNG."""
    max_depth_m: float = math.inf
    """Depth beyond this value is unknown [m]."""

    def __init__(self, root: Path | str, *, skip_damaged: bool = False) -> None:
        self.root = Path(root).expanduser()
        self.skip_damaged = skip_damaged
        self.skipped: list[DatasetError] = []
        """Errors of the samples that the latest iteration skipped."""
        if not self.root.is_dir():
            raise DatasetError(
                self.name, self.root, 'the folder does not exist', 'the folder of the data set'
            )
        self.entries: Sequence[Entry] = self._find()
        if not self.entries:
            raise DatasetError(self.name, self.root, 'the data set has no image', 'an image')

    @abstractmethod
    def _find(self) -> Sequence[Entry]:
        """List the samples in a fixed order, without reading them."""

    def _read(self, entry: Entry) -> Sample:
        """Read one sample, here of an image and its depth in a 16-bit PNG or .npy."""
        return self._sample(entry, read_rgb(entry.image, self.name), self._read_depth(entry))

    def _read_depth(self, entry: Entry) -> NDArray[np.float32]:
        """Read depth (H, W) [m] of a .npy in metres, or of a 16-bit PNG."""
        if entry.depth.suffix == '.npy':
            return read_npy(entry.depth, self.name, 'depth in metres (H, W)')
        unit = f'1/{self.steps_per_m:g} m{self.depth_hint}'
        return read_png16(entry.depth, self.name, unit) / np.float32(self.steps_per_m)

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

    def evaluation_image(self, sample: Sample) -> NDArray[np.float32]:
        """Return the sample's image in [0, 1] at `evaluation_size`: float32 (h, w, 3)."""
        return resize_for_evaluation(sample.rgb, self.evaluation_size)

    def _sample(
        self,
        entry: Entry,
        rgb: NDArray[np.uint8],
        depth_m: NDArray[np.floating],
        camera: Intrinsics | None = None,
    ) -> Sample:
        """Return a sample of an image and its depth (H, W) [m], where 0 is unknown."""
        if rgb.shape[:2] != depth_m.shape:
            problem = f'the depth has the size {depth_m.shape}'
            expected = f'{rgb.shape[:2]} as the image (height, width)'
            raise DatasetError(self.name, entry.depth, problem, expected)
        is_known = (depth_m > 0) & (depth_m <= self.max_depth_m)
        known_m = np.where(is_known, depth_m, np.nan).astype(np.float32)
        return Sample(rgb, known_m, camera, self.domain, self._name_of(entry))

    def _name_of(self, entry: Entry) -> str:
        try:
            return entry.image.relative_to(self.root).as_posix()
        except ValueError:
            return entry.image.as_posix()

    def _glob(self, pattern: str) -> list[Path]:
        """List files under the root in sorted order; folders may be links."""
        # not Path.glob: its ** does not enter linked folders
        names = sorted(glob.glob(pattern, root_dir=self.root, recursive=True))  # noqa: PTH207
        if not names:
            raise DatasetError(
                self.name, self.root, 'no image was found', f'files named {pattern}'
            )
        return [self.root / name for name in names]


def camera_of(focal_px: float, height: int, width: int, *, cut_top: int = 0) -> Intrinsics | None:
    """Return the intrinsics for a focal length [px]; None for 0.

    The principal point is the centre of the image before `cut_top` rows were cut off at the top.
    """
    if focal_px <= 0.0:
        return None
    cx_px, cy_px = 0.5 * (width - 1), 0.5 * (height - cut_top - 1)
    return Intrinsics(focal_px, focal_px, cx_px, cy_px, width, height)


def kb_crop(array: NDArray, name: str, path: Path) -> NDArray:
    """Return the bottom centre 352 x 1216 of (H, W, ...), the crop of the KITTI benchmark.

    Raises DatasetError for a smaller array.
    """
    height, width = array.shape[:2]
    if height < 352 or width < 1216:
        raise DatasetError(
            name,
            path,
            f'the image has {height} x {width} px (height x width)',
            'at least 352 x 1216 px',
        )
    top, left = height - 352, int((width - 1216) / 2)
    return array[top:, left : left + 1216]


def resize_for_evaluation(rgb: NDArray[np.uint8], size: EvaluationSize) -> NDArray[np.float32]:
    """Scale an image uint8 (H, W, 3) to [0, 1] and resize it: float32 (h, w, 3).

    Convention: half-pixel centres, bilinear, in floating point without antialiasing, as the
    paper's loaders before torchvision 0.17 (which antialiases by default).
    """
    image = rgb.astype(np.float32) / np.float32(255.0)
    height, width = rgb.shape[:2]
    if isinstance(size, tuple):
        height, width = size
    elif size is not None:
        shorter = min(height, width)
        height, width = int(size * height / shorter), int(size * width / shorter)
    if (height, width) == rgb.shape[:2]:
        return image
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
