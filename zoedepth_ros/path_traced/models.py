"""Furniture and household objects of the Debian package sweethome3d-furniture.

Each .sh3f file of it is a zip archive with OBJ models and a catalogue of their names and sizes.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from trimesh.exchange.obj import load_obj
from trimesh.geometry import triangulate_quads

from zoedepth_ros.media.files import jpeg_files
from zoedepth_ros.path_traced.meshes import Array, Mesh, faceted, surface_points, unit

TEXTURE_PX = 256
"""Width and height of every texture."""
LARGEST_BYTES = 2_000_000
"""Larger OBJ files are left out."""
MOST_HOLES = 0.03
"""Models with a texture of which a larger share is transparent are left out."""
LEFT_OUT = 'Reallusion'
"""Archive of people."""
FIXED = ('Doors and windows', 'Staircases', 'Exterior')
"""Categories of which only things of up to 0.45 m are used."""
Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])

Texture = NDArray[np.uint8]
"""sRGB, (TEXTURE_PX, TEXTURE_PX, 3)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of a catalogue; size: width, depth and height [m]."""

    key: str
    archive: Path
    path: str
    name: str
    category: str
    size_m: tuple[float, float, float]
    elevation_m: float = 0.0
    rotation: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

    @property
    def largest_m(self) -> float:
        """The largest of its sizes."""
        return max(self.size_m)


@dataclass(frozen=True, slots=True)
class ModelPart:
    """The faces of a model that have one material of the MTL file.

    Colours are those of the file, (3,); shininess is its Phong exponent.
    """

    mesh: Mesh
    material: str = ''
    diffuse: tuple[float, ...] = (0.6, 0.6, 0.6)
    specular: float = 0.0
    shininess: float = 10.0
    opacity: float = 1.0
    texture: Texture | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """A model in its catalogue's size, z up; the centre of its bottom is the origin.

    points: on its surface, (n, 3).
    """

    entry: Entry
    parts: tuple[ModelPart, ...]
    points: Array

    @property
    def face_count(self) -> int:
        """Number of triangles."""
        return sum(len(part.mesh.faces) for part in self.parts)


def catalogue(folder: Path) -> list[Entry]:
    """List the models in the .sh3f files of a folder that scenes can use.

    Raises ValueError for a folder without any.
    """
    entries = [entry for path in sorted(folder.glob('*.sh3f')) for entry in _entries(path)]
    if not entries:
        raise ValueError(
            f'models: expected .sh3f files with models in {folder}, such as those of the Debian '
            'package sweethome3d-furniture, got none'
        )
    return entries


def _entries(path: Path) -> Iterator[Entry]:
    if path.stem == LEFT_OUT:
        return
    with zipfile.ZipFile(path) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
        name = next((name for name in sizes if name.endswith('Catalog.properties')), None)
        text = archive.read(name).decode('latin-1') if name else ''
    rows: dict[int, dict[str, str]] = {}
    for key, number, value in re.findall(r'^(\w+)#(\d+)=(.*?)\s*$', text, re.MULTILINE):
        rows.setdefault(int(number), {})[key] = value
    for number, row in sorted(rows.items()):
        width, depth, height = (float(row[key]) / 100 for key in ('width', 'depth', 'height'))
        entry = Entry(
            f'{path.stem}_{number}', path, row['model'].lstrip('/'), row.get('name', ''),
            row.get('category', ''), (width, depth, height), float(row.get('elevation', 0)) / 100,
        )  # fmt: skip
        if 'modelRotation' in row:
            rotation = tuple(float(word) for word in row['modelRotation'].split())
            entry = replace(entry, rotation=rotation)
        is_fixed = entry.category in FIXED and entry.largest_m > 0.45
        if not is_fixed and sizes.get(entry.path, LARGEST_BYTES + 1) <= LARGEST_BYTES:
            yield entry


@cache
def read_model(entry: Entry) -> Model | None:
    """Read a model; None if it has no faces or a texture with holes."""
    archive = _open(entry.archive)
    content = io.StringIO(archive.read(entry.path).decode('latin-1'))
    geometry = load_obj(content, resolver=_Neighbours(archive, entry.path))
    meshes = [part for part in geometry.get('geometry', {}).values() if len(part['faces'])]
    try:
        parts = [_part(mesh) for mesh in meshes]
    except _HasHolesError:
        return None
    if not parts:
        return None
    vertices = np.concatenate([part.mesh.vertices for part in parts])
    turned = vertices @ np.reshape(entry.rotation, (3, 3)).T
    low, high = turned.min(0), turned.max(0)
    width, depth, height = entry.size_m
    scale = np.array([width, height, depth]) / np.maximum(high - low, 1e-9)
    matrix = np.eye(4)
    matrix[:3, :3] = Z_UP @ np.diag(scale) @ np.reshape(entry.rotation, (3, 3))
    matrix[:3, 3] = (0.0, 0.0, height / 2) - Z_UP @ (scale * (low + high) / 2)
    placed = tuple(replace(part, mesh=part.mesh.moved(matrix).compact()) for part in parts)
    points = surface_points([part.mesh for part in placed], 4000, 0)
    return Model(entry, placed, points.astype(np.float32))


@cache
def _open(path: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


class _HasHolesError(Exception):
    pass


class _Neighbours:
    """The files beside a model, found also if their case or folder differs from the reference."""

    def __init__(self, archive: zipfile.ZipFile, path: str) -> None:
        folder = path.rpartition('/')[0] + '/'
        names = (name for name in archive.namelist() if name.startswith(folder))
        self.names = {name.rpartition('/')[2].lower(): name for name in names}
        self.archive = archive

    def get(self, name: str) -> bytes:
        return self.archive.read(self.names[name.replace('\\', '/').split('/')[-1].lower()])

    __getitem__ = get


def _part(fields: dict) -> ModelPart:
    """Make a part from what trimesh read of one material."""
    vertices, faces = np.asarray(fields['vertices'], float), triangulate_quads(fields['faces'])
    corners = vertices[faces]
    sides = corners[:, 1:] - corners[:, :1]
    faces = faces[np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1) > 1e-12]
    visual = fields.get('visual')
    uv = getattr(visual, 'uv', None)
    has_uv = uv is not None and len(uv) == len(vertices)
    texcoords = np.array(uv, float)[:, :2] if has_uv else np.zeros((len(vertices), 2))
    texcoords = texcoords * (1, -1) + (0, 1)  # OBJ counts v from the bottom, Mitsuba from the top
    if 'vertex_normals' in fields:
        mesh = Mesh(vertices, unit(np.asarray(fields['vertex_normals'], float)), texcoords, faces)
    else:
        mesh = replace(faceted(vertices[faces]), texcoords=texcoords[faces].reshape(-1, 2))
    material = getattr(visual, 'material', None)
    if material is None:
        return ModelPart(mesh)
    values = material.kwargs
    return ModelPart(
        mesh,
        str(material.name or '').lower(),
        _floats(values.get('kd'), (0.6, 0.6, 0.6)),
        float(np.mean(_floats(values.get('ks'), (0.0, 0.0, 0.0)))),
        _floats([values.get('ns')], (10.0,))[0],
        _floats(values.get('d', ['1'])[-1:], (1.0,))[0],
        _texture(material.image) if has_uv and material.image is not None else None,
    )


def _floats(values: object, default: tuple[float, ...]) -> tuple[float, ...]:
    """Return numbers of an MTL file; the default for anything else."""
    try:
        numbers = tuple(float(value) for value in values)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return default
    return numbers if len(numbers) == len(default) else default


def _texture(image: Image.Image) -> Texture | None:
    """Scale an image; None for a damaged one.  Raises _HasHolesError."""
    try:
        if image.mode in ('RGBA', 'LA', 'P'):
            alpha = np.asarray(image.convert('RGBA'))[..., 3]
            if (alpha < 128).mean() > MOST_HOLES:
                raise _HasHolesError
        return square(image)
    except OSError:
        return None


def square(image: Image.Image) -> Texture:
    """Convert an image to a texture."""
    size = (TEXTURE_PX, TEXTURE_PX)
    return np.asarray(image.convert('RGB').resize(size, Image.Resampling.LANCZOS))


def photographs(folder: Path) -> Iterator[tuple[bytes, Texture]]:
    """Yield the content and the texture of every .jpg file in the .sh3f files of a folder once."""
    archives = (path for path in sorted(folder.glob('*.sh3f')) if path.stem != LEFT_OUT)
    for content in jpeg_files(archives):
        try:
            image = Image.open(io.BytesIO(content))
            image.draft('RGB', (TEXTURE_PX, TEXTURE_PX))
            yield content, square(image)
        except (OSError, UnidentifiedImageError):
            continue
