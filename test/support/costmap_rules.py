"""Nav2's voxel layer by its documented rules, in a few lines.

Per update: points outside a source's height limits are dropped; then every clearing source frees
the voxels from the sensor to two cells before each of its points, between raytrace_min_range and
raytrace_max_range; then every marking source marks the voxels of its points between
obstacle_min_range and obstacle_max_range. A cell is lethal while a voxel above it is marked, and
free once a ray has passed. A sensor outside the voxels clears nothing.
"""

from __future__ import annotations

import numpy as np

UNKNOWN, FREE, LETHAL = -1, 0, 1


class Costmap:
    """A fixed map whose first voxel begins at (origin_m, layer's origin_z)."""

    def __init__(self, origin_m, size_m, resolution_m: float, layer) -> None:
        self.origin_m = np.array((*origin_m, layer['origin_z']))
        self.resolution_m = np.array((resolution_m, resolution_m, layer['z_resolution']))
        self._layer = layer
        plan = np.rint(np.array(size_m) / resolution_m).astype(int)
        self.cells = np.full(plan, UNKNOWN, np.int8)
        self.voxels = np.zeros((*plan, layer['z_voxels']), bool)

    def centres(self):
        """Return x and y of the middle of the cells."""
        return tuple(
            self.origin_m[i] + self.resolution_m[i] * (np.arange(self.cells.shape[i]) + 0.5)
            for i in (0, 1)
        )

    def update(self, sensor_m, sources) -> None:
        """Take one observation per source: (settings as in the YAML, points (n, 3))."""
        kept = [(at, self._in_height(at, points)) for at, points in sources]
        for at, points in kept:
            if at['clearing'] and len(points):
                self._clear(np.array(sensor_m), points, at)
        for at, points in kept:
            if at['marking']:
                self._mark(np.array(sensor_m), points, at)

    def _in_height(self, at, points):
        z = points[:, 2]  # NaN fails both
        return points[(z >= at['min_obstacle_height']) & (z <= at['max_obstacle_height'])]

    def _index(self, places):
        return np.floor((places - self.origin_m) / self.resolution_m).astype(int)

    def _inside(self, index):
        return ((index >= 0) & (index < self.voxels.shape)).all(axis=-1)

    def _clear(self, sensor_m, points, at) -> None:
        if not self._inside(self._index(sensor_m)):
            return
        reach = points - sensor_m
        distance = np.linalg.norm(reach, axis=1, keepdims=True)
        reach *= np.clip((distance - 2 * self.resolution_m[0]) / distance, 0.0, 1.0)
        _, first = np.unique(self._index(sensor_m + reach), axis=0, return_index=True)
        reach, distance = reach[first], distance[first, 0]
        count = int(np.ceil(at['raytrace_max_range'] / self.resolution_m[0] * 1.5))
        steps = np.linspace(at['raytrace_min_range'], at['raytrace_max_range'], count)
        flat = np.linalg.norm(reach, axis=1)
        share = steps[None, :] / np.maximum(flat, 1e-9)[:, None]
        index = self._index(sensor_m + share[..., None] * reach[:, None])
        index = index[(share <= 1.0) & self._inside(index)]
        self.voxels[tuple(index.T)] = False
        passed = np.zeros(self.cells.shape, bool)
        passed[index[:, 0], index[:, 1]] = True
        self.cells[passed & ~self.voxels.any(axis=2)] = FREE

    def _mark(self, sensor_m, points, at) -> None:
        top = self._layer['max_obstacle_height']
        points = points[(points[:, 2] >= self._layer['min_obstacle_height'])
                        & (points[:, 2] <= top)]  # fmt: skip
        distance = np.linalg.norm(points - sensor_m, axis=1)
        near = (distance >= at['obstacle_min_range']) & (distance < at['obstacle_max_range'])
        index = self._index(points[near])
        index = index[self._inside(index)]
        self.voxels[tuple(index.T)] = True
        self.cells[index[:, 0], index[:, 1]] = LETHAL
