"""Depth of corners that a moving camera sees, from its poses, to compare with predicted depth."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.rays import rays_at
from zoedepth_ros.geometry.scale import NO_PAIRS, DepthPairs
from zoedepth_ros.geometry.two_views import CameraPose, Motion, turn_rad
from zoedepth_ros.pipeline.resumable import Resumable

Poses = Callable[[], CameraPose | None]
"""Gives the pose of the camera at the time of one image; None as long as it is not known."""

TRACKED_SIDE_PX = 640
"""Corners are tracked in images whose larger side is at most this [px]."""

CORNERS, LEAST_CORNERS = 250, 12
APART_SHARE = 0.02
"""Least distance between corners, as a share of the larger side."""

WINDOW_PX = 11
"""Side of the square around a corner that is found again [px]: what moves differently in it, such
as a wall behind an object, shifts the corner and makes its triangulated depth wrong."""

RAY_ERROR_PX, EPIPOLAR_PX = 0.5, 1.5
"""Standard deviation of a tracked corner, and largest distance to its epipolar line [px]."""

PARALLAX_RAD, ENOUGH_PARALLAX_RAD = 0.026, 0.09
"""Least parallax of a corner (1.5 degrees), and the one beyond which more is not preferred."""

LEAST_STEP_M, LARGEST_STEP_M, OLDEST_M = 0.05, 2.0, 2.0
"""Distances travelled: between kept images; between two images, more is a jump of the odometry;
since the oldest image that is used, because errors of odometry grow with it [m]."""

VIEWS = 4
"""Largest number of earlier images that one image is compared with."""

TURNING_RAD = 0.1
WAITING = 5
"""Images that wait for their pose."""

NO_POSE = (
    "scale.source 'motion' needs the transform from {} to the camera at the stamp of "
    'each image, and TF has no such transform'
)
STANDING, TURNING = 'the camera stands still', 'the camera turns without moving'
LOST = 'too few corners could be tracked'
NEAR = 'the camera has not moved far enough for a measurable parallax'


@dataclass(frozen=True, slots=True)
class Corners:
    """The corners of one image."""

    ids: NDArray[np.int64]
    """Numbers, ascending; the same in all images, (n,)."""

    rays: NDArray[np.float64]
    """Unit rays, (n, 3)."""

    pixels: NDArray[np.float64]
    """Column and row in the image, (n, 2)."""

    depth_m: NDArray[np.float64]
    """Predicted depth without factors [m], (n,); NaN where it is not to be compared."""

    pose: CameraPose | None = None
    """Pose of the camera; None until it is known."""

    travelled_m: float = 0.0
    """Path of the camera since the first image [m]."""


class MotionDepth(Resumable, holds=(Corners, CameraPose)):
    """Track corners through the images of a camera and triangulate them with its poses.

    Each image is compared with a few of the images kept from the last two metres of the path:
    those that give most corners enough parallax.  Each corner counts with its largest parallax.
    """

    KEPT = ('_grey', '_ids', '_places', '_next_id', '_kept', '_last')

    def __init__(self) -> None:
        self.reason = 'no image has arrived yet'
        """Why the last image gave nothing, in words; '' if it did."""
        self.has_pose = True
        """Whether poses are known."""
        self.count = 0
        """Number of corners that were compared last."""
        self._grey: NDArray[np.uint8] | None = None
        self._ids = np.empty(0, np.int64)
        self._places = np.empty((0, 1, 2), np.float32)
        self._next_id = 0
        self._waiting: deque[tuple[Corners, Poses]] = deque(maxlen=WAITING)
        self._kept: deque[Corners] = deque()
        self._last: Corners | None = None

    @property
    def note(self) -> str:
        """What the last image gave, in words."""
        return self.reason or f'{self.count} corners triangulated'

    def pairs(
        self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], camera: Camera, poses: Poses
    ) -> DepthPairs:
        """Track corners into an image, and return their true and predicted depth.

        depth_m: (H, W) predicted, without factors, NaN where it is not to be compared.  The pairs
        are of this image or of an earlier one that had to wait for its pose.
        """
        height, width = rgb.shape[:2]
        per_pixel = min(1.0, TRACKED_SIDE_PX / max(height, width))
        self._track(rgb, per_pixel)
        pixels = (self._places[:, 0].astype(np.float64) + 0.5) / per_pixel - 0.5  # (n, 2)
        columns, rows = np.rint(pixels).astype(np.intp).T
        rays = np.column_stack((rays_at(pixels, camera.model), np.ones(len(pixels))))
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        known = np.isfinite(rays).all(axis=1)
        found_m = depth_m[rows.clip(0, height - 1), columns.clip(0, width - 1)].astype(np.float64)
        found_m[~np.isfinite(found_m)] = np.nan
        seen = Corners(self._ids[known], rays[known], pixels[known], found_m[known])
        self._waiting.append((seen, poses))
        return self._compare_waiting(1.0 / (camera.model.intrinsics.fx_px * per_pixel))

    def _compare_waiting(self, pixel_rad: float) -> DepthPairs:
        """Compare the images whose pose is known by now; return the pairs of the newest."""
        poses = [lookup() for _, lookup in self._waiting]
        known = [number for number, pose in enumerate(poses) if pose is not None]
        self.has_pose = bool(known) or (self.has_pose and len(poses) < WAITING)
        pairs = NO_PAIRS
        if not known and not self.has_pose:
            self.reason = 'the pose of the camera is unknown'
        for pose in poses[: known[-1] + 1] if known else ():
            corners, _ = self._waiting.popleft()
            if pose is not None:
                pairs = self._compare(corners, pose, pixel_rad)
        return pairs

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Continue from a snapshot; images that waited for a pose are not in it."""
        super().restore(snapshot)
        self._waiting.clear()

    # ---- tracking --------------------------------------------------------------------------

    def _track(self, rgb: NDArray[np.uint8], per_pixel: float) -> None:
        """Find the corners of the previous image in this one, and add new ones.

        per_pixel: size of the tracked image, relative to `rgb`.
        """
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        if per_pixel < 1.0:
            size = tuple(max(1, round(per_pixel * side)) for side in rgb.shape[1::-1])
            grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        before, self._grey = self._grey, grey
        if before is None or before.shape != grey.shape:
            self._ids, self._places = self._ids[:0], self._places[:0]
        if before is not None and len(self._ids):
            window = WINDOW_PX, WINDOW_PX
            there, found, _ = cv2.calcOpticalFlowPyrLK(
                before, grey, self._places, None, winSize=window
            )
            back, again, _ = cv2.calcOpticalFlowPyrLK(grey, before, there, None, winSize=window)
            kept = (found & again).ravel().astype(bool)
            kept &= np.abs(back - self._places).max(axis=(1, 2)) < RAY_ERROR_PX
            inside = (there > 0.0) & (there < np.array(grey.shape[::-1]) - 1.0)
            kept &= inside.all(axis=(1, 2))
            self._ids, self._places = self._ids[kept], there[kept]
        if len(self._ids) < 0.7 * CORNERS:
            self._add_corners(grey)

    def _add_corners(self, grey: NDArray[np.uint8]) -> None:
        apart_px = APART_SHARE * max(grey.shape)
        free = np.full(grey.shape, 255, np.uint8)
        for x, y in self._places[:, 0]:
            cv2.circle(free, (round(float(x)), round(float(y))), round(apart_px), 0, -1)
        missing = CORNERS - len(self._ids)
        new = cv2.goodFeaturesToTrack(grey, missing, 0.01, apart_px, mask=free)
        if new is None:
            return
        ids = np.arange(self._next_id, self._next_id + len(new))
        self._next_id += len(new)
        self._ids = np.concatenate((self._ids, ids))
        self._places = np.concatenate((self._places, new.reshape(-1, 1, 2)))

    # ---- triangulation ---------------------------------------------------------------------

    def _compare(self, seen: Corners, pose: CameraPose, pixel_rad: float) -> DepthPairs:
        """Triangulate the corners of an image whose pose is known."""
        now = self._moved_to(seen, pose)
        views = [view for view in (self._view(first, now) for first in self._kept) if view]
        if not self._kept or now.travelled_m - self._kept[-1].travelled_m >= LEAST_STEP_M:
            self._kept.append(now)
        self.count = 0
        self.reason = self._why_nothing(now, views)
        if self.reason:
            return NO_PAIRS
        parallax, true_m = np.zeros(len(now.ids)), np.full(len(now.ids), np.nan)
        for _ in range(min(VIEWS, len(views))):
            added = [np.maximum(view[0] - parallax, 0.0).sum() for view in views]
            _, motion, at_first, at_now, first = views.pop(int(np.argmax(added)))
            rays = first.rays[at_first], now.rays[at_now]
            motion = motion.refined(*rays, RAY_ERROR_PX * pixel_rad)
            first_m, now_m = motion.depths_m(*rays)
            rad = motion.parallax_rad(*rays)
            good = (rad >= PARALLAX_RAD) & (rad > parallax[at_now])
            good &= np.abs(motion.epipolar_rad(*rays)) <= EPIPOLAR_PX * pixel_rad
            good &= (first_m > 0.0) & (now_m > 0.0)
            parallax[at_now[good]], true_m[at_now[good]] = rad[good], now_m[good]
        found = DepthPairs(true_m, now.depth_m, now.pixels).usable()
        self.count = len(found.true_m)
        if self.count < LEAST_CORNERS:
            self.reason = LOST
            return NO_PAIRS
        return found

    def _moved_to(self, seen: Corners, pose: CameraPose) -> Corners:
        """Return the corners with their pose; forget images that are too far back."""
        travelled_m = 0.0
        if self._last is not None and self._last.pose is not None:
            step_m = float(np.linalg.norm(pose.position_m - self._last.pose.position_m))
            travelled_m = self._last.travelled_m + step_m
            if step_m > LARGEST_STEP_M:
                self._kept.clear()
        while self._kept and travelled_m - self._kept[0].travelled_m > OLDEST_M:
            self._kept.popleft()
        self._last = Corners(seen.ids, seen.rays, seen.pixels, seen.depth_m, pose, travelled_m)
        return self._last

    @staticmethod
    def _view(
        first: Corners, now: Corners
    ) -> tuple[NDArray[np.float64], Motion, NDArray[np.intp], NDArray[np.intp], Corners] | None:
        """Return parallax by corner of the image, motion from an earlier one, corners of both."""
        _, at_first, at_now = np.intersect1d(
            first.ids, now.ids, assume_unique=True, return_indices=True
        )
        assert first.pose is not None
        assert now.pose is not None
        motion = Motion.between(first.pose, now.pose)
        moved_m = float(np.linalg.norm(motion.translation_m))
        if len(at_now) < LEAST_CORNERS or moved_m < LEAST_STEP_M:
            return None
        parallax = motion.parallax_rad(first.rays[at_first], now.rays[at_now])
        enough = parallax >= PARALLAX_RAD
        if np.count_nonzero(enough) < LEAST_CORNERS:
            return None
        by_corner = np.zeros(len(now.ids))
        by_corner[at_now[enough]] = np.minimum(parallax[enough], ENOUGH_PARALLAX_RAD)
        return by_corner, motion, at_first, at_now, first

    def _why_nothing(self, now: Corners, views: list[Any]) -> str:
        """Say why no image can be compared with the present one; '' if one can."""
        if views:
            return ''
        if len(now.ids) < LEAST_CORNERS:
            return LOST
        others = [first.pose for first in self._kept if first.pose is not None]
        assert now.pose is not None
        moved_m = max(np.linalg.norm(now.pose.position_m - pose.position_m) for pose in others)
        if moved_m >= LEAST_STEP_M:
            return NEAR
        turned = max(turn_rad(now.pose.rotation.T @ pose.rotation) for pose in others)
        return TURNING if turned > TURNING_RAD else STANDING
