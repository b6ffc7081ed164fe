"""NYU Depth v2 and KITTI, whose samples are named by the official split lists."""

from __future__ import annotations

import math
from pathlib import Path
from typing import ClassVar

from zoedepth_ros.datasets.dataset import DepthDataset, Entry, camera_of, kb_crop
from zoedepth_ros.datasets.file_formats import DatasetError, read_lines, read_rgb
from zoedepth_ros.media.sample import Sample

WHERE = (
    'the list {file_name} of isl-org/ZoeDepth, which is not part of this package '
    '(https://github.com/isl-org/ZoeDepth/tree/main/train_test_inputs)'
)
"""Expected file in the error for a missing list."""


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
        self._lines = read_split_list(split_list, self.name, self.list_names[split])
        super().__init__(root, skip_damaged=skip_damaged)

    def _part(self, folder: str) -> Path:
        """Return a folder below the root, or the root if it does not exist."""
        below = self.root / folder
        return below if below.is_dir() else self.root

    def _entries(self, images: Path, depths: Path) -> list[Entry]:
        """Return the listed samples; images, depths: the folders of their paths."""
        return [
            Entry(images / image, depths / depth, focal_px=focal_px)
            for image, depth, focal_px in self._lines
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
        camera = camera_of(entry.focal_px, *rgb.shape[:2])
        return self._sample(entry, rgb, self._read_depth(entry), camera)


class Kitti(ListedDataset):
    """Images and 16-bit PNGs of 1/256 m, paired by an official list, cropped to 352 x 1216.

    The root contains `raw/` (images) and `gts/` (depth), or the paths of the list themselves.
    Lines of the list with the depth `None` are skipped.
    """

    name = 'kitti'
    domain = 'outdoor'
    steps_per_m = 256.0
    list_names: ClassVar = {
        'train': 'kitti_eigen_train_files_with_gt.txt',
        'test': 'kitti_eigen_test_files_with_gt.txt',
    }

    def _find(self) -> list[Entry]:
        return self._entries(self._part('raw'), self._part('gts'))

    def _read(self, entry: Entry) -> Sample:
        rgb = read_rgb(entry.image, self.name)
        cut = kb_crop(rgb, self.name, entry.image)
        depth_m = kb_crop(self._read_depth(entry), self.name, entry.depth)
        cut_top = len(rgb) - len(cut)
        camera = camera_of(entry.focal_px, *cut.shape[:2], cut_top=cut_top)
        return self._sample(entry, cut, depth_m, camera)


def read_split_list(
    path: Path | str | None, dataset: str, file_name: str
) -> list[tuple[str, str, float]]:
    """Return image, depth and focal length [px] of the lines of a list that name a depth file.

    Raises DatasetError for an invalid line, and without a list, naming the source of `file_name`.
    """
    expected = WHERE.format(file_name=file_name)
    if path is None:
        raise DatasetError(dataset, 'split list', 'no file is given (option split_list)', expected)
    path = Path(path).expanduser()
    listed = []
    for number, line in enumerate(read_lines(path, dataset, expected), start=1):
        words = line.split()
        try:
            image, depth, focal_px = words[0], words[1], float(words[2])
            if not 0.0 <= focal_px < math.inf:
                raise ValueError
        except (IndexError, ValueError):
            problem = f'line {number}, not counting empty lines, is {line!r}'
            expected = 'the path of an image, the path of its depth, and the focal length [px]'
            raise DatasetError(dataset, path, problem, expected) from None
        if depth != 'None':  # some official lines begin with a slash
            listed.append((image.lstrip('/\\'), depth.lstrip('/\\'), focal_px))
    return listed
