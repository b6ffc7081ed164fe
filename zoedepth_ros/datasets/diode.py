"""DIODE, indoor and outdoor."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zoedepth_ros.datasets.dataset import DepthDataset, Entry
from zoedepth_ros.datasets.errors import DatasetError
from zoedepth_ros.datasets.files import read_npy, read_rgb
from zoedepth_ros.datasets.picture_size import PictureSize
from zoedepth_ros.media.sample import Sample


class Diode(DepthDataset):
    """`<scene>/<scan>/*.png` beside `*_depth.npy` [m] and `*_depth_mask.npy`.

    PARITY: the paper's loader reads the mask and never applies it, so neither does this one unless
    `apply_mask` asks for it (test_diode_leaves_the_mask_aside_like_the_paper).
    """

    picture_size = PictureSize(short_side=480)

    def __init__(
        self,
        root: Path | str,
        *,
        domain: str,
        apply_mask: bool = False,
        skip_damaged: bool = False,
    ) -> None:
        self.name = f'diode_{domain}'
        self.domain = domain
        self.apply_mask = apply_mask
        super().__init__(root, skip_damaged=skip_damaged)

    def _find(self) -> list[Entry]:
        return [
            Entry(
                picture,
                picture.with_name(f'{picture.stem}_depth.npy'),
                (picture.with_name(f'{picture.stem}_depth_mask.npy'),),
            )
            for picture in self._glob('*/*/*.png')
        ]

    def _read(self, entry: Entry) -> Sample:
        rgb = read_rgb(entry.picture, self.name)
        depth_m = read_npy(entry.depth, self.name, 'depth in metres (H, W, 1)')
        if self.apply_mask:
            (path,) = entry.masks
            mask = read_npy(path, self.name, 'a mask (H, W), 1 where the depth holds')
            if mask.shape != depth_m.shape:
                problem = f'size {mask.shape}'
                raise DatasetError(self.name, path, problem, f'the size of depth {depth_m.shape}')
            depth_m = np.where(mask > 0, depth_m, np.float32(np.nan))
        return self._sample(entry, rgb, depth_m)
