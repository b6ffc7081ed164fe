"""Images with depth in a folder."""

from __future__ import annotations

import json
from pathlib import Path

from zoedepth_ros.datasets.dataset import DepthDataset, Entry
from zoedepth_ros.datasets.file_formats import DatasetError, read_rgb, reading
from zoedepth_ros.geometry.intrinsics import (
    UNDISTORTED,
    CameraError,
    Intrinsics,
    refuse_impossible,
)
from zoedepth_ros.media.sample import Sample

IMAGE_ENDINGS = ('.png', '.jpg', '.jpeg')


class Folder(DepthDataset):
    """`rgb/**/<name>.png|jpg` with `depth/**/<name>.png` (16 bits) or `.npy` [m].

    Depth 0 or NaN is unknown.  Images are rotated by their EXIF orientation, as by `zoedepth
    predict`; depth belongs to the rotated image.  Optional cameras: `camera/**/<name>.json` for
    each image, otherwise `camera.json` in the root for all of them, with fx_px, fy_px, cx_px,
    cy_px, width and height.
    """

    name = 'folder'
    depth_hint = ' (or .npy, metres)'

    def __init__(
        self,
        root: Path | str,
        *,
        domain: str,
        steps_per_m: float = DepthDataset.steps_per_m,
        skip_damaged: bool = False,
    ) -> None:
        if domain not in ('indoor', 'outdoor'):
            raise ValueError(
                f"the data set `folder` needs the domain 'indoor' or 'outdoor', got {domain!r}"
            )
        self.domain = domain
        self.steps_per_m = steps_per_m
        super().__init__(root, skip_damaged=skip_damaged)
        path = self.root / 'camera.json'
        self.camera = self._read_camera(path) if path.is_file() else None

    def _find(self) -> list[Entry]:
        images = [
            path for path in self._glob('rgb/**/*.*') if path.suffix.lower() in IMAGE_ENDINGS
        ]
        return [Entry(image, self._depth_of(image)) for image in images]

    def _depth_of(self, image: Path) -> Path:
        stem = self.root / 'depth' / image.relative_to(self.root / 'rgb')
        array = stem.with_suffix('.npy')
        return array if array.is_file() else stem.with_suffix('.png')

    def _read(self, entry: Entry) -> Sample:
        rgb = read_rgb(entry.image, self.name, upright=True)
        height, width = rgb.shape[:2]
        try:
            camera = self._camera_of(entry.image)
            camera = camera and camera.scaled_to(width, height)
        except CameraError as error:
            raise DatasetError(
                self.name,
                entry.image,
                str(error),
                'a camera (camera.json or camera/*.json) that fits this image',
            ) from error
        return self._sample(entry, rgb, self._read_depth(entry), camera)

    def _camera_of(self, image: Path) -> Intrinsics | None:
        path = self.root / 'camera' / image.relative_to(self.root / 'rgb').with_suffix('.json')
        if path.is_file() or ((self.root / 'camera').is_dir() and self.camera is None):
            return self._read_camera(path)
        return self.camera

    def _read_camera(self, path: Path) -> Intrinsics:
        with reading(path, self.name, 'fx_px, fy_px, cx_px, cy_px, width, height'):
            camera = Intrinsics(**json.loads(path.read_text('utf-8')))
            refuse_impossible(camera, UNDISTORTED, 'the camera')
            return camera
