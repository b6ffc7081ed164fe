"""DIML, indoor and outdoor."""

from __future__ import annotations

import numpy as np

from zoedepth_ros.datasets.dataset import DepthDataset, Entry
from zoedepth_ros.datasets.files import read_png16, read_rgb
from zoedepth_ros.datasets.picture_size import PictureSize
from zoedepth_ros.media.sample import Sample


class DimlIndoor(DepthDataset):
    """`LR/<scene>/color/*_c.png` beside `depth_filled/*_depth_filled.png`, millimetres."""

    name = 'diml_indoor'
    domain = 'indoor'
    picture_size = PictureSize(height=480, width=640)

    def _find(self) -> list[Entry]:
        return [
            Entry(
                picture,
                picture.parent.parent
                / 'depth_filled'
                / picture.name.replace('_c.png', '_depth_filled.png'),
            )
            for picture in self._glob('LR/*/color/*.png')
        ]

    def _read(self, entry: Entry) -> Sample:
        rgb = read_rgb(entry.picture, self.name)
        depth_mm = read_png16(entry.depth, self.name, 'millimetres')
        return self._sample(entry, rgb, depth_mm / np.float32(1000.0))


class DimlOutdoor(DepthDataset):
    """`<scene>/outleft/*.png` beside `depthmap/`, millimetres; pictures keep their size."""

    name = 'diml_outdoor'
    domain = 'outdoor'

    def _find(self) -> list[Entry]:
        return [
            Entry(picture, picture.parent.parent / 'depthmap' / picture.name)
            for picture in self._glob('*/outleft/*.png')
        ]

    def _read(self, entry: Entry) -> Sample:
        rgb = read_rgb(entry.picture, self.name)
        depth_mm = read_png16(entry.depth, self.name, 'millimetres')
        return self._sample(entry, rgb, depth_mm / np.float32(1000.0))
