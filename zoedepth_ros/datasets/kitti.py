"""KITTI, Eigen's split with the official ground truth."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from zoedepth_ros.datasets.dataset import Entry, camera_of, kb_crop
from zoedepth_ros.datasets.files import read_png16, read_rgb
from zoedepth_ros.datasets.split_list import ListedDataset
from zoedepth_ros.media.sample import Sample


class Kitti(ListedDataset):
    """Pictures and 16-bit PNGs of 1/256 m, paired by an official list, cut to 352 x 1216.

    Below the root lie `raw/` (pictures) and `gts/` (depth); where they do not, the paths of the
    list are taken from the root itself. Lines of the list whose depth is `None` are left out.
    """

    name = 'kitti'
    domain = 'outdoor'
    list_names: ClassVar = {
        'train': 'kitti_eigen_train_files_with_gt.txt',
        'test': 'kitti_eigen_test_files_with_gt.txt',
    }

    def _find(self) -> list[Entry]:
        pictures, depths = self._part('raw'), self._part('gts')
        return [
            Entry(pictures / line.picture, depths / line.depth, focal_px=line.focal_px)
            for line in self.listed
        ]

    def _read(self, entry: Entry) -> Sample:
        rgb = read_rgb(entry.picture, self.name)
        steps = read_png16(entry.depth, self.name, '1/256 m')
        cut = kb_crop(rgb, self.name, entry.picture)
        depth_m = kb_crop(steps / np.float32(256.0), self.name, entry.depth)
        cut_top = len(rgb) - len(cut)
        camera = camera_of(entry.focal_px, *cut.shape[:2], cut_top=cut_top)
        return replace(self._sample(entry, cut, depth_m), camera=camera)
