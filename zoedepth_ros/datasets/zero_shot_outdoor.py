"""Zero-shot test sets: Virtual KITTI 2, DDAD and DIML outdoor."""

from __future__ import annotations

import random
from pathlib import Path

from zoedepth_ros.datasets.dataset import DepthDataset, Entry, kb_crop
from zoedepth_ros.datasets.file_formats import read_lines, read_rgb
from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.media.sample import Sample

TRAIN_SHARE = 0.92
"""Share of the training part; the rest is the test part."""
VKITTI2_SIZE = (375, 1242)
VKITTI2_CAMERA = Intrinsics(725.0087, 725.0087, 620.5 - 13, 187.0 - 23, 1216, 352)
"""Camera of `intrinsic.txt` [px], after the crop of images of VKITTI2_SIZE."""


class Ddad(DepthDataset):
    """Validation part of DDAD: `*_rgb.png` with `*_depth.npy` [m], evaluated at 352 x 1216."""

    name = 'ddad'
    domain = 'outdoor'
    evaluation_size = (352, 1216)

    def _find(self) -> list[Entry]:
        return [
            Entry(image, image.with_name(image.name.replace('_rgb.png', '_depth.npy')))
            for image in self._glob('*_rgb.png')
        ]


class DimlOutdoor(DepthDataset):
    """`<scene>/outleft/*.png` with `depthmap/`, millimetres; images keep their size."""

    name = 'diml_outdoor'
    domain = 'outdoor'

    def _find(self) -> list[Entry]:
        return [
            Entry(image, image.parent.parent / 'depthmap' / image.name)
            for image in self._glob('*/outleft/*.png')
        ]


class VirtualKitti2(DepthDataset):
    """`rgb/**/frames/rgb/Camera_0/*.jpg` with `depth/`, centimetres, cropped to 352 x 1216.

    Depth beyond 80 m is unknown.  The split is defined by `split_list`, or by `test.txt` and
    `train.txt` in the root, which the paper's code writes from an unseeded shuffle.  Without them
    the samples are shuffled with a fixed seed.  The published camera belongs to images of 375 x
    1242; samples of other sizes have none.
    """

    name = 'vkitti2'
    domain = 'outdoor'
    steps_per_m = 100.0
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
        images = self._listed()
        if images is None:
            images = _draw(self._glob('rgb/**/frames/rgb/Camera_0/*.jpg'), self.split)
        return [Entry(image, self._depth_of(image)) for image in images]

    def _listed(self) -> list[Path] | None:
        """Return the images of a written split, or None where there is none."""
        listing = self.split_list or self.root / f'{self.split}.txt'
        if self.split_list is None and not listing.is_file():
            return None
        lines = read_lines(listing, self.name, 'a text file with one image path per line')
        return [self._below_root(line) for line in lines]

    def _below_root(self, line: str) -> Path:
        """Return the path of a listed image, also if the list was written for another root."""
        path = Path(line)
        parts = path.parts
        if path.is_file() or 'rgb' not in parts or path.is_relative_to(self.root):
            return path
        if 'frames' not in parts:
            return self.root / path
        outer = max(i for i in range(parts.index('frames')) if parts[i] == 'rgb')
        return self.root.joinpath(*parts[outer:])

    def _depth_of(self, image: Path) -> Path:
        """Replace folders rgb below the root by depth, and rgb_ and .jpg in the file's name."""
        try:
            base, parts = self.root, image.relative_to(self.root).parts
        except ValueError:
            base, parts = Path(image.anchor), image.relative_to(image.anchor).parts
        folders = ['depth' if part == 'rgb' else part for part in parts[:-1]]
        return base.joinpath(*folders, parts[-1].replace('rgb_', 'depth_').replace('.jpg', '.png'))

    def _read(self, entry: Entry) -> Sample:
        rgb = read_rgb(entry.image, self.name)
        depth_m = kb_crop(self._read_depth(entry), self.name, entry.depth)
        camera = VKITTI2_CAMERA if rgb.shape[:2] == VKITTI2_SIZE else None
        return self._sample(entry, kb_crop(rgb, self.name, entry.image), depth_m, camera)


def _draw(images: list[Path], split: str) -> list[Path]:
    """Shuffle with a fixed seed and take one part."""
    shuffled = images.copy()
    random.Random(0).shuffle(shuffled)
    n_train = int(len(shuffled) * TRAIN_SHARE)
    return sorted(shuffled[:n_train] if split == 'train' else shuffled[n_train:])
