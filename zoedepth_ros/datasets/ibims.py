"""iBims-1 (ibims1_core_raw)."""

from __future__ import annotations

import numpy as np

from zoedepth_ros.datasets.dataset import DepthDataset, Entry
from zoedepth_ros.datasets.errors import DatasetError
from zoedepth_ros.datasets.files import read_mask, read_png16, read_rgb
from zoedepth_ros.media.sample import Sample


class Ibims(DepthDataset):
    """`imagelist.txt` names the samples; depth is a 16-bit PNG whose 65535 means 50 m.

    Depth holds where both `mask_invalid` and `mask_transp` are not 0.
    """

    name = 'ibims'
    domain = 'indoor'

    def _find(self) -> list[Entry]:
        listing = self.root / 'imagelist.txt'
        if not listing.is_file():
            raise DatasetError(self.name, listing, 'no such file', 'the names of the samples')
        return [
            Entry(
                self.root / 'rgb' / f'{stem}.png',
                self.root / 'depth' / f'{stem}.png',
                (
                    self.root / 'mask_invalid' / f'{stem}.png',
                    self.root / 'mask_transp' / f'{stem}.png',
                ),
            )
            for stem in listing.read_text('utf-8').split()
        ]

    def _read(self, entry: Entry) -> Sample:
        rgb = read_rgb(entry.picture, self.name)
        steps = read_png16(entry.depth, self.name, '50/65535 m')
        depth_m = steps.astype(np.float64) * 50.0 / 65535
        for path in entry.masks:
            mask = read_mask(path, self.name)
            if mask.shape != depth_m.shape:
                problem = f'size {mask.shape}'
                raise DatasetError(self.name, path, problem, f'the size of depth {depth_m.shape}')
            depth_m = np.where(mask, depth_m, np.nan)
        return self._sample(entry, rgb, depth_m.astype(np.float32))
