"""HyperSim."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.datasets.dataset import DepthDataset, Entry
from zoedepth_ros.datasets.errors import DatasetError
from zoedepth_ros.datasets.files import read_hdf5, read_rgb
from zoedepth_ros.datasets.picture_size import PictureSize
from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.media.sample import Sample

HEIGHT, WIDTH = 768, 1024
FOCAL_PX = 886.81
"""Focal length of every HyperSim camera [px] (apple/ml-hypersim, issue 9)."""


class HyperSim(DepthDataset):
    """`*/images/scene_cam_*_final_preview/*.tonemap.jpg` with distances in HDF5 files.

    The files hold the distance from the camera's centre; samples hold depth along z.
    """

    name = 'hypersim_test'
    domain = 'indoor'
    picture_size = PictureSize(height=480, width=640)

    def _find(self) -> list[Entry]:
        pictures = self._glob('*/images/scene_cam_*_final_preview/*.tonemap.jpg')
        return [Entry(picture, _depth_of(picture)) for picture in pictures]

    def _read(self, entry: Entry) -> Sample:
        rgb = read_rgb(entry.picture, self.name)
        expected = f'distances in metres, {HEIGHT} x {WIDTH}'
        distance_m = read_hdf5(entry.depth, self.name, 'dataset', expected)
        if distance_m.shape != (HEIGHT, WIDTH):
            raise DatasetError(self.name, entry.depth, f'shape {distance_m.shape}', expected)
        sample = self._sample(entry, rgb, distance_to_depth(distance_m))
        cx_px, cy_px = (WIDTH - 1) / 2, (HEIGHT - 1) / 2
        return replace(sample, camera=Intrinsics(FOCAL_PX, FOCAL_PX, cx_px, cy_px, WIDTH, HEIGHT))


def distance_to_depth(distance_m: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn distance from the camera's centre (768, 1024) [m] into depth along z [m].

    Convention: z = distance f / |(u, v, f)|, u and v the offsets of the pixel centre from the
    centre of the picture.
    """
    u_px = np.arange(WIDTH) + 0.5 - 0.5 * WIDTH
    v_px = np.arange(HEIGHT) + 0.5 - 0.5 * HEIGHT
    ray_px = np.sqrt(u_px[None, :] ** 2 + v_px[:, None] ** 2 + FOCAL_PX**2)
    return (distance_m * (FOCAL_PX / ray_px)).astype(np.float32)


def _depth_of(picture: Path) -> Path:
    folder = picture.parent.name.replace('_final_preview', '_geometry_hdf5')
    name = picture.name.replace('.tonemap.jpg', '.depth_meters.hdf5')
    return picture.parent.parent / folder / name
