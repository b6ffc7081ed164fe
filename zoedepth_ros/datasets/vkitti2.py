"""Virtual KITTI 2."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from zoedepth_ros.datasets.dataset import DepthDataset, Entry, kb_crop
from zoedepth_ros.datasets.errors import DatasetError
from zoedepth_ros.datasets.files import read_png16, read_rgb
from zoedepth_ros.media.sample import Sample

TRAIN_SHARE = 0.92
"""Share of the pictures that train; the rest is the test part."""


class VirtualKitti2(DepthDataset):
    """`rgb/**/frames/rgb/Camera_0/*.jpg` beside `depth/`, 16-bit centimetres, cut to 352 x 1216.

    Beyond 80 m nothing is known. The split is that of `split_list` or of `test.txt`/`train.txt` in
    the root, which the paper's code writes at its first use from an unseeded shuffle; without them
    it is a shuffle of our own with a fixed seed, and nothing is written.
    """

    name = 'vkitti2'
    domain = 'outdoor'
    max_depth_m = 80.0

    def __init__(
        self,
        root: Path | str,
        split_list: Path | str | None = None,
        *,
        split: str = 'test',
        skip_damaged: bool = False,
    ) -> None:
        self.split = split
        self.split_list = None if split_list is None else Path(split_list).expanduser()
        super().__init__(root, skip_damaged=skip_damaged)

    def _find(self) -> list[Entry]:
        pictures = self._listed()
        if pictures is None:
            pictures = _draw(self._glob('rgb/**/frames/rgb/Camera_0/*.jpg'), self.split)
        return [Entry(picture, self._depth_of(picture)) for picture in pictures]

    def _listed(self) -> list[Path] | None:
        """Return the pictures of a written split, or None where there is none."""
        listing = self.split_list or self.root / f'{self.split}.txt'
        if not listing.is_file():
            if self.split_list is None:
                return None
            raise DatasetError(self.name, listing, 'no such file', 'one path of a picture a line')
        return [
            self._below_root(line)
            for line in listing.read_text('utf-8').split('\n')
            if line.strip()
        ]

    def _below_root(self, line: str) -> Path:
        """Find a listed picture, also where the list was written for another place."""
        path = Path(line.strip())
        parts = path.parts
        if path.is_file() or 'rgb' not in parts or path.is_relative_to(self.root):
            return path
        if 'frames' not in parts:
            return self.root / path
        outer = max(i for i in range(parts.index('frames')) if parts[i] == 'rgb')
        return self.root.joinpath(*parts[outer:])

    def _depth_of(self, picture: Path) -> Path:
        """Replace folders rgb below the root by depth, and rgb_ and .jpg in the file's name."""
        try:
            base, parts = self.root, picture.relative_to(self.root).parts
        except ValueError:
            base, parts = Path(picture.anchor), picture.relative_to(picture.anchor).parts
        folders = ['depth' if part == 'rgb' else part for part in parts[:-1]]
        return base.joinpath(*folders, parts[-1].replace('rgb_', 'depth_').replace('.jpg', '.png'))

    def _read(self, entry: Entry) -> Sample:
        rgb = read_rgb(entry.picture, self.name)
        depth_m = read_png16(entry.depth, self.name, 'centimetres') / np.float32(100.0)
        depth_m = np.where(depth_m > self.max_depth_m, np.float32(np.nan), depth_m)
        return self._sample(
            entry,
            kb_crop(rgb, self.name, entry.picture),
            kb_crop(depth_m, self.name, entry.depth),
        )


def _draw(pictures: list[Path], split: str) -> list[Path]:
    """Shuffle with a fixed seed and take one part."""
    shuffled = pictures.copy()
    random.Random(0).shuffle(shuffled)
    n_train = int(len(shuffled) * TRAIN_SHARE)
    return sorted(shuffled[:n_train] if split == 'train' else shuffled[n_train:])
