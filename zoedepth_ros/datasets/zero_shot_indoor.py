"""Zero-shot test sets: SUN RGB-D, iBims-1, HyperSim, DIML indoor, and DIODE (also outdoor)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.datasets.dataset import DepthDataset, Entry
from zoedepth_ros.datasets.file_formats import (
    DatasetError,
    read_hdf5,
    read_lines,
    read_mask,
    read_png16,
    read_rgb,
)
from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.media.sample import Sample

HEIGHT, WIDTH = 768, 1024
FOCAL_PX = 886.81
"""Focal length of every HyperSim camera [px] (apple/ml-hypersim, issue 9)."""
DIODE_CAMERA = Intrinsics(886.81, 927.06, 512.0, 384.0, WIDTH, HEIGHT)
"""`intrinsics.txt` of DIODE's devkit."""


class SunRgbd(DepthDataset):
    """`rgb/rgb/*` with `gt/gt/*.png`, 16-bit millimetres; depth beyond 8 m is unknown.

    The files are those of the paper's loader, without the bit rotation of the raw data set.
    """

    name = 'sunrgbd'
    domain = 'indoor'
    max_depth_m = 8.0

    def _find(self) -> list[Entry]:
        depths = self.root / 'gt' / 'gt'
        return [
            Entry(image, depths / image.name.replace('jpg', 'png'))
            for image in self._glob('rgb/rgb/*')
        ]


class Ibims(DepthDataset):
    """iBims-1 (ibims1_core_raw): `imagelist.txt` names the samples; depth 65535 is 50 m.

    Depth is valid where both `mask_invalid` and `mask_transp` are not 0.  `calib/<name>.txt`, if
    present, has the camera: fx, fy, cx and cy [px].
    """

    name = 'ibims'
    domain = 'indoor'

    def _find(self) -> list[Entry]:
        listing = self.root / 'imagelist.txt'
        return [
            Entry(
                self.root / 'rgb' / f'{stem}.png',
                self.root / 'depth' / f'{stem}.png',
                (
                    self.root / 'mask_invalid' / f'{stem}.png',
                    self.root / 'mask_transp' / f'{stem}.png',
                ),
            )
            for stem in read_lines(listing, self.name, 'a text file with one sample name per line')
        ]

    def _read(self, entry: Entry) -> Sample:
        rgb = read_rgb(entry.image, self.name)
        steps = read_png16(entry.depth, self.name, '50/65535 m')
        depth_m: NDArray[np.floating] = steps.astype(np.float64) * 50.0 / 65535
        for path in entry.masks:
            valid = read_mask(path, self.name)
            if valid.shape != depth_m.shape:
                problem = f'the mask has the size {valid.shape}'
                expected = f'{depth_m.shape} as the depth (height, width)'
                raise DatasetError(self.name, path, problem, expected)
            depth_m = np.where(valid, depth_m, np.nan)
        return self._sample(entry, rgb, depth_m, self._camera_of(entry, *rgb.shape[:2]))

    def _camera_of(self, entry: Entry, height: int, width: int) -> Intrinsics | None:
        path = self.root / 'calib' / f'{entry.image.stem}.txt'
        if not path.is_file():
            return None
        text = path.read_text('utf-8', errors='replace')
        try:
            fx_px, fy_px, cx_px, cy_px = map(float, text.replace(',', ' ').split())
            return Intrinsics(fx_px, fy_px, cx_px, cy_px, width, height)
        except ValueError as error:
            raise DatasetError(
                self.name, path, str(error), 'four numbers: fx, fy, cx, cy [px]'
            ) from error


class DimlIndoor(DepthDataset):
    """`LR/<scene>/color/*_c.png` with `depth_filled/*_depth_filled.png`, millimetres."""

    name = 'diml_indoor'
    domain = 'indoor'
    evaluation_size = (480, 640)

    def _find(self) -> list[Entry]:
        return [
            Entry(
                image,
                image.parent.parent
                / 'depth_filled'
                / image.name.replace('_c.png', '_depth_filled.png'),
            )
            for image in self._glob('LR/*/color/*.png')
        ]


class Diode(DepthDataset):
    """`<scene>/<scan>/*.png` with `*_depth.npy` [m].

    The published camera belongs to images of 1024 x 768; samples of other sizes have none.
    PARITY: the paper's loader reads `*_depth_mask.npy` but does not apply it
    (test_diode_leaves_the_mask_aside_like_the_paper).
    """

    evaluation_size = 480

    def __init__(self, root: Path | str, *, domain: str, skip_damaged: bool = False) -> None:
        self.name = f'diode_{domain}'
        self.domain = domain
        super().__init__(root, skip_damaged=skip_damaged)

    def _find(self) -> list[Entry]:
        images = self._glob('*/*/*.png')
        return [Entry(image, image.with_name(f'{image.stem}_depth.npy')) for image in images]

    def _read(self, entry: Entry) -> Sample:
        rgb = read_rgb(entry.image, self.name)
        camera = DIODE_CAMERA if rgb.shape[:2] == (HEIGHT, WIDTH) else None
        return self._sample(entry, rgb, self._read_depth(entry), camera)


class HyperSim(DepthDataset):
    """`*/images/scene_cam_*_final_preview/*.tonemap.jpg` with distances in HDF5 files.

    The distances are measured from the camera centre; samples have depth along z.
    """

    name = 'hypersim_test'
    domain = 'indoor'
    evaluation_size = (480, 640)

    def _find(self) -> list[Entry]:
        images = self._glob('*/images/scene_cam_*_final_preview/*.tonemap.jpg')
        return [Entry(image, _depth_of(image)) for image in images]

    def _read(self, entry: Entry) -> Sample:
        rgb = read_rgb(entry.image, self.name)
        expected = f'an array of distances in metres, {HEIGHT} x {WIDTH} px'
        distance_m = read_hdf5(entry.depth, self.name, 'dataset', expected)
        if distance_m.shape != (HEIGHT, WIDTH):
            raise DatasetError(
                self.name, entry.depth, f'the array has the shape {distance_m.shape}', expected
            )
        cx_px, cy_px = (WIDTH - 1) / 2, (HEIGHT - 1) / 2
        camera = Intrinsics(FOCAL_PX, FOCAL_PX, cx_px, cy_px, WIDTH, HEIGHT)
        return self._sample(entry, rgb, distance_to_depth(distance_m), camera)


def distance_to_depth(distance_m: NDArray[np.float32]) -> NDArray[np.float32]:
    """Convert distance from the camera centre (768, 1024) [m] to depth along z [m].

    Convention: z = distance f / |(u, v, f)|, u and v the offsets of the pixel centre from the
    centre of the image.
    """
    u_px = np.arange(WIDTH) + 0.5 - 0.5 * WIDTH
    v_px = np.arange(HEIGHT) + 0.5 - 0.5 * HEIGHT
    ray_px = np.sqrt(u_px[None, :] ** 2 + v_px[:, None] ** 2 + FOCAL_PX**2)
    return (distance_m * (FOCAL_PX / ray_px)).astype(np.float32)


def _depth_of(image: Path) -> Path:
    folder = image.parent.name.replace('_final_preview', '_geometry_hdf5')
    name = image.name.replace('.tonemap.jpg', '.depth_meters.hdf5')
    return image.parent.parent / folder / name
