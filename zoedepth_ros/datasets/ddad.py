"""DDAD, the validation part as single files."""

from __future__ import annotations

from zoedepth_ros.datasets.dataset import DepthDataset, Entry
from zoedepth_ros.datasets.files import read_npy, read_rgb
from zoedepth_ros.datasets.picture_size import PictureSize
from zoedepth_ros.media.sample import Sample


class Ddad(DepthDataset):
    """`*_rgb.png` beside `*_depth.npy` [m]; the evaluation squashes pictures to 352 x 1216."""

    name = 'ddad'
    domain = 'outdoor'
    picture_size = PictureSize(height=352, width=1216)

    def _find(self) -> list[Entry]:
        return [
            Entry(picture, picture.with_name(picture.name.replace('_rgb.png', '_depth.npy')))
            for picture in self._glob('*_rgb.png')
        ]

    def _read(self, entry: Entry) -> Sample:
        rgb = read_rgb(entry.picture, self.name)
        return self._sample(entry, rgb, read_npy(entry.depth, self.name, 'depth in metres (H, W)'))
