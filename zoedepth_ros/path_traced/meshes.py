"""Meshes with texture coordinates; trimesh makes its solids without them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from zoedepth_ros.path_traced.draws import Draws

Array = NDArray[np.floating]
Matrix = NDArray[np.float64]
"""Homogeneous transform (4, 4)."""

_CUBE = trimesh.creation.box().triangles + 0.5  # (12, 3, 3), from 0 to 1
_AXES_ACROSS = np.array([(1, 2), (0, 2), (0, 1)])  # by the axis of the normal


@dataclass(frozen=True, slots=True)
class Mesh:
    """Triangles [m]: vertices (n, 3), unit normals (n, 3), texcoords (n, 2), faces (m, 3)."""

    vertices: Array
    normals: Array
    texcoords: Array
    faces: NDArray[np.integer]

    def moved(self, matrix: Matrix) -> Mesh:
        """Transform the mesh."""
        vertices = self.vertices @ matrix[:3, :3].T + matrix[:3, 3]
        normals = unit(self.normals @ np.linalg.inv(matrix[:3, :3]))
        return Mesh(vertices, normals, self.texcoords, self.faces)

    def compact(self) -> Mesh:
        """Return the mesh with half the memory."""
        numbers = (self.vertices, self.normals, self.texcoords)
        vertices, normals, texcoords = (array.astype(np.float32) for array in numbers)
        return Mesh(vertices, normals, texcoords, self.faces.astype(np.uint32))


def unit(vectors: Array) -> Array:
    """Normalise vectors (..., 3); those of length 0 stay."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def merged(meshes: Sequence[Mesh]) -> Mesh:
    """Put meshes into one."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.texcoords for mesh in meshes]),
        np.concatenate([m.faces + start for m, start in zip(meshes, starts, strict=False)]),
    )


def shift(x: float, y: float, z: float) -> Matrix:
    """Return a translation [m]."""
    return trimesh.transformations.translation_matrix((x, y, z))


def turn(axis: str, angle: float) -> Matrix:
    """Return a rotation about 'x', 'y' or 'z' [rad]."""
    direction = {'x': (1, 0, 0), 'y': (0, 1, 0), 'z': (0, 0, 1)}[axis]
    return trimesh.transformations.rotation_matrix(angle, direction)


def faceted(corners: Array, texture_m: float = 0.0) -> Mesh:
    """Make flat triangles from their corners (m, 3, 3), textured along the nearest two axes.

    texture_m: size of a texture [m]; 0 lets it cover the mesh once.
    """
    normals = unit(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
    vertices = corners.reshape(-1, 3)
    size = texture_m or np.maximum(np.ptp(vertices, axis=0), 1e-9)
    texcoords = ((vertices - vertices.min(0)) / size).reshape(-1, 3, 3)
    across = _AXES_ACROSS[np.abs(normals).argmax(1)][:, None]  # (m, 1, 2)
    u, v = np.take_along_axis(texcoords, across, axis=2).reshape(-1, 2).T
    return Mesh(
        vertices,
        np.repeat(normals, 3, axis=0),
        np.stack([u, 1.0 - v], axis=1),  # v counts from the top of an image
        np.arange(len(vertices)).reshape(-1, 3),
    )


def box(
    width: float,
    depth: float,
    height: float,
    texture_m: float = 0.0,
    at: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Mesh:
    """Make a box whose bottom has its centre at a point."""
    return faceted((_CUBE - (0.5, 0.5, 0.0)) * (width, depth, height) + at, texture_m)


def ring(radius: float, inner: float, height: float, sections: int, teeth: float = 0.0) -> Mesh:
    """Make a nut or, with teeth (their share of the radius), a gear; round for many sections."""
    solid = trimesh.creation.annulus(inner, radius, height, sections=sections)
    corners = np.array(solid.triangles)
    step = np.rint(np.arctan2(corners[..., 1], corners[..., 0]) * sections / (2 * math.pi))
    is_tooth = (step // 2 % 2 == 1) & (np.hypot(corners[..., 0], corners[..., 1]) > inner * 1.01)
    corners[..., :2] *= 1.0 + teeth * is_tooth[..., None]
    return faceted(corners, 0.1)


def surface(grid: Array, texcoords: Array, *, closed: bool = False) -> Mesh:
    """Join points (a, b, 3) to a smooth surface.

    closed: the first and the last row of points are the same.
    """
    rows, columns = grid.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    faces = np.stack([a, b, c, a, c, d], axis=-1).reshape(-1, 3)
    vertices = grid.reshape(-1, 3)
    corners = vertices[faces]
    area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    sums = np.zeros_like(vertices)
    np.add.at(sums, faces, area[:, None])  # trimesh's own sum needs SciPy
    normals = unit(sums).reshape(grid.shape)
    if closed:
        normals[0] = normals[-1] = unit(normals[0] + normals[-1])
    return Mesh(vertices, normals.reshape(-1, 3), texcoords.reshape(-1, 2), faces)


def revolved(profile: ArrayLike, sections: int = 28, smooth: int = 0) -> Mesh:
    """Turn a line of points (radius, z) about the z axis; a texture goes around it twice.

    smooth: number of points of a line without edges; 0: every point is an edge.
    """
    line = np.array(profile, dtype=float)
    if not smooth and len(line) > 2:
        pieces = [line[k : k + 2] for k in range(len(line) - 1)]
        return merged([revolved(piece, sections) for piece in pieces])
    if smooth:
        length = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1)))
        at = np.linspace(0.0, length[-1], smooth)
        line = np.stack([np.interp(at, length, line[:, k]) for k in (0, 1)], axis=1)
    angle = np.linspace(0.0, 2.0 * math.pi, sections + 1)[:, None]
    radius, z = line.T
    grid = np.stack(np.broadcast_arrays(np.cos(angle) * radius, np.sin(angle) * radius, z), -1)
    along = z if np.ptp(z) > 1e-6 else radius
    v = (along.max() - along) / max(np.ptp(along), 1e-9)  # from the top of an image
    texcoords = np.stack(np.broadcast_arrays(angle / math.pi, v), -1)
    return surface(grid, texcoords, closed=True)


def rounded(
    size: tuple[float, float, float],
    squareness: tuple[float, float] = (1.0, 1.0),
    bend: float = 0.0,
    bumps: float = 0.0,
    draws: Draws | None = None,
) -> Mesh:
    """Make a superellipsoid of half sizes [m], perhaps bent or, with draws, with bumps.

    squareness: exponents for up and around; 0: a box, 1: an ellipsoid, 2: an octahedron.
    """
    around, up = np.meshgrid(
        np.linspace(-math.pi, math.pi, 31),
        np.linspace(-math.pi / 2, math.pi / 2, 21),
        indexing='ij',
    )
    texcoords = np.stack([around / math.pi, up / math.pi + 0.5], -1)
    (a, b, c, d), (e, f) = (np.cos(up), np.sin(up), np.cos(around), np.sin(around)), squareness
    wide = _power(a, e)
    grid = np.stack([wide * _power(c, f), wide * _power(d, f), _power(b, e)], -1)
    if draws is not None:
        radius = np.ones(grid.shape[:2])
        for _ in range(6):
            wave = draws.normal(size=3) * draws.uniform(1, 4)
            radius += bumps * np.sin(grid @ wave + draws.angle()) / 3
        radius[0] = radius[-1] = 0.5 * (radius[0] + radius[-1])
        grid *= radius[..., None]
    grid *= size
    grid[..., 2] += bend * grid[..., 0] ** 2 / size[0]
    return surface(grid, texcoords, closed=True)


def _power(values: Array, exponent: float) -> Array:
    return np.sign(values) * np.abs(values) ** exponent


def tube(path: Array, radius: float, sections: int = 10) -> Mesh:
    """Make a tube along points (n, 3)."""
    along = unit(np.gradient(path, axis=0))
    up = np.where(np.abs(along[:, 2:]) > 0.9, [[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]])
    right = unit(np.cross(along, up))
    angle = np.linspace(0.0, 2.0 * math.pi, sections + 1)[:, None]
    offset = np.cos(angle)[..., None] * right + np.sin(angle)[..., None] * np.cross(along, right)
    v = np.linspace(0.0, len(path) / 8, len(path))
    texcoords = np.stack(np.broadcast_arrays(angle / (2.0 * math.pi), v), -1)
    return surface(path + radius * offset, texcoords, closed=True)


def surface_points(meshes: Sequence[Mesh], count: int, seed: int | Draws) -> Array:
    """Return random points on meshes and up to some 1,000 vertices, (n, 3)."""
    whole = merged(meshes)
    solid = trimesh.Trimesh(whole.vertices, whole.faces, process=False)
    points, _ = trimesh.sample.sample_surface(solid, count, seed=seed)
    return np.concatenate([points, whole.vertices[:: max(1, len(whole.vertices) // 1000)]])
