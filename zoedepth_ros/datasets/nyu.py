"""NYU Depth v2 in the layout the paper trains and tests on."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from zoedepth_ros.datasets.dataset import Entry, camera_of
from zoedepth_ros.datasets.files import read_png16, read_rgb
from zoedepth_ros.datasets.split_list import ListedDataset
from zoedepth_ros.media.sample import Sample


class Nyu(ListedDataset):
    """Pictures and 16-bit PNGs of millimetres, paired by an official list.

    Below the root lie `sync/` (training) and `official_splits/test/` (test); the root may also be
    that folder itself.
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
        return [
            Entry(root / line.picture, root / line.depth, focal_px=line.focal_px)
            for line in self.listed
        ]

    def _read(self, entry: Entry) -> Sample:
        rgb = read_rgb(entry.picture, self.name)
        depth_mm = read_png16(entry.depth, self.name, 'millimetres')
        sample = self._sample(entry, rgb, depth_mm / np.float32(1000.0))
        return replace(sample, camera=camera_of(entry.focal_px, *rgb.shape[:2]))
