"""NYU Depth v2 and KITTI, whose samples are named by the official split lists."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from zoedepth_ros.datasets.dataset import DatasetError, DepthDataset, Entry, camera_of, kb_crop
from zoedepth_ros.datasets.file_formats import read_png16, read_rgb
from zoedepth_ros.media.sample import Sample

WHERE = (
    'a list of lines "image depth focal" as isl-org/ZoeDepth keeps them in train_test_inputs/ '
    '(https://github.com/isl-org/ZoeDepth/tree/main/train_test_inputs): {file_name}; they are not '
    'part of this package'
)
"""Expected file in the error for a missing list."""


class ListedFiles(NamedTuple):
    """One line of a list."""

    image: str
    """Path of the image below its root."""
    depth: str
    """Path of the depth below its root."""
    focal_px: float
    """Focal length in the list [px]."""


class ListedDataset(DepthDataset):
    """A data set with an official split list."""

    list_names: ClassVar[dict[str, str]]
    """Split -> file name of its list."""

    def __init__(
        self,
        root: Path | str,
        split_list: Path | str | None,
        *,
        split: str = 'test',
        skip_damaged: bool = False,
    ) -> None:
        self.split = split
        self.listed, self.without_depth = read_split_list(
            split_list, self.name, self.list_names[split]
        )
        super().__init__(root, skip_damaged=skip_damaged)

    def _part(self, folder: str) -> Path:
        """Return a folder below the root, or the root if it does not exist."""
        below = self.root / folder
        return below if below.is_dir() else self.root

    def _entries(self, images: Path, depths: Path) -> list[Entry]:
        """Return the listed samples; images, depths: the folders of their paths."""
        return [
            Entry(images / line.image, depths / line.depth, focal_px=line.focal_px)
            for line in self.listed
        ]


class Nyu(ListedDataset):
    """Images and 16-bit PNGs of millimetres, paired by an official list.

    The root contains `sync/` (training) and `official_splits/test/` (test), or is one of them.
    """

    name = 'nyu'
    domain = 'indoor'
    folders: ClassVar = {'train': 'sync', 'test': 'official_splits/test'}
    list_names: ClassVar = {
        'train': 'nyudepthv2_train_files_with_gt.txt',
        'test': 'nyudepthv2_test_files_with_gt.txt',
    }

    def _find(self) -> list[Entry]:
        root = self._part(self.folders[self.split])
        return self._entries(root, root)

    def _read(self, entry: Entry) -> Sample:
        rgb = read_rgb(entry.image, self.name)
        depth_mm = read_png16(entry.depth, self.name, 'millimetres')
        sample = self._sample(entry, rgb, depth_mm / np.float32(1000.0))
        return replace(sample, camera=camera_of(entry.focal_px, *rgb.shape[:2]))


class Kitti(ListedDataset):
    """Images and 16-bit PNGs of 1/256 m, paired by an official list, cropped to 352 x 1216.

    The root contains `raw/` (images) and `gts/` (depth), or the paths of the list themselves.
    Lines of the list with the depth `None` are skipped.
    """

    name = 'kitti'
    domain = 'outdoor'
    list_names: ClassVar = {
        'train': 'kitti_eigen_train_files_with_gt.txt',
        'test': 'kitti_eigen_test_files_with_gt.txt',
    }

    def _find(self) -> list[Entry]:
        return self._entries(self._part('raw'), self._part('gts'))

    def _read(self, entry: Entry) -> Sample:
        rgb = read_rgb(entry.image, self.name)
        steps = read_png16(entry.depth, self.name, '1/256 m')
        cut = kb_crop(rgb, self.name, entry.image)
        depth_m = kb_crop(steps / np.float32(256.0), self.name, entry.depth)
        cut_top = len(rgb) - len(cut)
        camera = camera_of(entry.focal_px, *cut.shape[:2], cut_top=cut_top)
        return replace(self._sample(entry, cut, depth_m), camera=camera)


def read_split_list(
    path: Path | str | None, dataset: str, file_name: str
) -> tuple[list[ListedFiles], int]:
    """Return the lines of a list that name a depth file, and the number of lines with None.

    Raises DatasetError for an invalid line, and without a list, naming the source of `file_name`.
    """
    expected = WHERE.format(file_name=file_name)
    if path is None:
        raise DatasetError(dataset, 'split list', 'not given', expected)
    path = Path(path).expanduser()
    if not path.is_file():
        raise DatasetError(dataset, path, 'no such file', expected)
    lines = [line.split() for line in path.read_text('utf-8').splitlines() if line.strip()]
    for number, words in enumerate(lines, start=1):
        if len(words) < 3 or not _is_number(words[2]):
            problem = f'non-empty line {number} is {" ".join(words)!r}'
            raise DatasetError(dataset, path, problem, 'image depth focal')
    listed = [
        ListedFiles(_relative(words[0]), _relative(words[1]), float(words[2]))
        for words in lines
        if words[1] != 'None'
    ]
    return listed, len(lines) - len(listed)


def _relative(path: str) -> str:
    """Remove the leading slash of some official lines."""
    return path.lstrip('/\\')


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
