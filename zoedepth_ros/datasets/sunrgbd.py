"""SUN RGB-D, the test part as the paper's loader lays it out."""

from __future__ import annotations

import numpy as np

from zoedepth_ros.datasets.dataset import DepthDataset, Entry
from zoedepth_ros.datasets.files import read_png16, read_rgb
from zoedepth_ros.media.sample import Sample


class SunRgbd(DepthDataset):
    """`rgb/rgb/*` beside `gt/gt/*.png`, 16-bit millimetres; beyond 8 m nothing is known.

    The raw data set's own rotation of the 16 bits is not undone: these files are plain.
    """

    name = 'sunrgbd'
    domain = 'indoor'
    max_depth_m = 8.0

    def _find(self) -> list[Entry]:
        depths = self.root / 'gt' / 'gt'
        return [
            Entry(picture, depths / picture.name.replace('jpg', 'png'))
            for picture in self._glob('rgb/rgb/*')
        ]

    def _read(self, entry: Entry) -> Sample:
        rgb = read_rgb(entry.picture, self.name)
        depth_m = read_png16(entry.depth, self.name, 'millimetres') / np.float32(1000.0)
        return self._sample(entry, rgb, np.where(depth_m > self.max_depth_m, np.nan, depth_m))
