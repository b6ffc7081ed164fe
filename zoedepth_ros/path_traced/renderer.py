"""Render scenes with Mitsuba and its denoiser.

Mitsuba compiles a scene anew if it has other kinds of plugins or other numbers than the scene
before, which takes longer than rendering it.  So every colour is a bitmap, every light a mesh,
every position an array, and meshes below the floor fill up the number of materials of each kind.
"""

from __future__ import annotations

import base64
import math
from pathlib import Path
from typing import Any

import drjit
import mitsuba as mi
import mitsuba_oidn
import numpy as np

from zoedepth_ros.path_traced.assets import Sky
from zoedepth_ros.path_traced.camera import View
from zoedepth_ros.path_traced.materials import DIFFUSE, GLASS, METAL, PLASTIC, Material
from zoedepth_ros.path_traced.meshes import Array, Mesh, box, merged, unit
from zoedepth_ros.path_traced.scene import AreaLight, Scene

FAST, SLOW = 'llvm_ad_rgb', 'scalar_rgb'
"""Variants of Mitsuba: vectorised by LLVM, or neither needing it nor fast."""
OLDEST_LLVM = 16
"""LLVM 15 ends the process on processors with AVX-512 ("Cannot select"); 19 was tried."""
BOUNCES = 5
STEPS = {GLASS: 6, DIFFUSE: 50, PLASTIC: 60}
"""The number of materials of a kind is filled up to a multiple of this; metal is plastic's."""
BRIGHTEST = 4.0
"""Radiance is limited to this multiple of its 99.5 % quantile before the denoiser."""
GREY = Material(DIFFUSE, (0.5, 0.5, 0.5), 0.3)


def choose_variant(name: str | None = None) -> str:
    """Select a variant of Mitsuba, by default the fast one if LLVM serves; return its name.

    Raises ImportError for a variant that needs LLVM where there is none.
    """
    mi.set_variant(name or (FAST if has_llvm() else SLOW))
    mi.set_log_level(mi.LogLevel.Error)
    return str(mi.variant())


def has_llvm() -> bool:
    """Tell whether a suitable LLVM can be loaded, perhaps from DRJIT_LIBLLVM_PATH."""
    has_one = bool(drjit.has_backend(drjit.JitBackend.LLVM))
    return has_one and bool(drjit.detail.llvm_version()[0] >= OLDEST_LLVM)


def use_one_thread() -> None:
    """Render on one thread; `read_skies` must have run before, or it waits for ever."""
    drjit.set_thread_count(1)


def read_skies(folder: Path) -> dict[str, Sky]:
    """Read the .exr files of a folder, also those in the .exr.js files of @pmndrs/assets.

    Returns radiance (H, W, 3) by name.  Raises ValueError for a folder without any.
    """
    contents = {path.stem: path.read_bytes() for path in sorted(folder.glob('*.exr'))}
    for path in sorted(folder.glob('*.exr.js')):
        encoded = path.read_text('utf-8').partition('base64,')[2]
        contents[path.name.partition('.')[0]] = base64.b64decode(
            encoded.split('"')[0].split("'")[0]
        )
    if not contents:
        raise ValueError(
            f'HDRIs: expected .exr or .exr.js files in {folder}, such as those of the npm package '
            '@pmndrs/assets, got none'
        )
    return {name: _decoded(content) for name, content in contents.items()}


def _decoded(content: bytes) -> Sky:
    stream = mi.MemoryStream()
    stream.write(content)
    stream.seek(0)
    image = mi.Bitmap(stream, mi.Bitmap.FileFormat.OpenEXR)
    image = image.convert(mi.Bitmap.PixelFormat.RGB, mi.Struct.Type.Float32, False)
    return np.nan_to_num(np.array(image), posinf=1e4)


def load(scene: Scene) -> Any:
    """Hand a scene over to Mitsuba."""
    groups: dict[Material, list[Mesh]] = {}
    for mesh, matrix, material in scene.parts:
        groups.setdefault(material, []).append(mesh.moved(matrix))
    plugins: dict[str, Any] = {'type': 'scene'}
    shapes = [_shape(merged(meshes), _bsdf(material)) for material, meshes in groups.items()]
    shapes += [_light(light) for light in scene.lights]
    counts = dict.fromkeys(STEPS, 0)
    for material in (*groups, *[GREY] * len(scene.lights)):
        counts[PLASTIC if material.kind == METAL else material.kind] += 1
    speck = box(0.01, 0.01, 0.01, at=(0, 0, -9))
    for kind, step in STEPS.items():
        missing = max(1, math.ceil(counts[kind] / step)) * step - counts[kind]
        filler = Material(kind, GREY.colour, GREY.roughness)
        shapes += [_shape(speck, _bsdf(filler)) for _ in range(missing)]
    plugins.update({f'shape_{k}': shape for k, shape in enumerate(shapes)})
    if scene.sky is not None:
        turned = mi.ScalarTransform4f().rotate([0, 0, 1], scene.sky_turn_deg)
        upright = turned @ mi.ScalarTransform4f().rotate([1, 0, 0], 90)
        plugins['sky'] = {'type': 'envmap', 'bitmap': _bitmap(scene.sky), 'to_world': upright}
    return _made(plugins)


def _made(plugins: dict[str, Any]) -> Any:
    return mi.load_dict(plugins, parallel=False)  # on one thread, in parallel can wait for ever


def _bitmap(values: Array) -> Any:
    return mi.Bitmap(np.ascontiguousarray(values))


def _shape(mesh: Mesh, bsdf: Any, emitter: Any = None) -> Any:
    properties = mi.Properties()
    properties['mesh_bsdf'] = bsdf
    if emitter is not None:
        properties['mesh_emitter'] = emitter
    shape = mi.Mesh(
        'mesh', len(mesh.vertices), len(mesh.faces),
        has_vertex_normals=True, has_vertex_texcoords=True, props=properties,
    )  # fmt: skip
    fields = mi.traverse(shape)
    fields['vertex_positions'] = np.ravel(mesh.vertices).astype(np.float32)
    fields['vertex_normals'] = np.ravel(mesh.normals).astype(np.float32)
    fields['vertex_texcoords'] = np.ravel(mesh.texcoords).astype(np.float32)
    fields['faces'] = np.ravel(mesh.faces).astype(np.uint32)
    fields.update()
    return shape


def _bsdf(material: Material) -> Any:
    if material.kind == GLASS:
        # three numbers that differ: equal ones would be a plugin of another type
        colour = [float(c) * k for c, k in zip(material.colour, (1, 0.999, 0.998), strict=True)]
        transmitted = {'type': 'rgb', 'value': colour}
        glass = {'type': 'dielectric', 'int_ior': 1.5, 'specular_transmittance': transmitted}
        return _made(glass)
    surface: dict[str, Any]
    if material.kind == DIFFUSE:
        surface = {'type': 'diffuse', 'reflectance': _texture(material)}
    else:
        is_metal = material.kind == METAL
        surface = {
            'type': 'principled', 'base_color': _texture(material), 'specular': 0.5,
            'metallic': 0.97 if is_metal else 0.01,
            'roughness': material.roughness + (0.15 if is_metal else 0.1),
        }  # fmt: skip
    return _made({'type': 'twosided', 'bsdf': surface})


def _texture(material: Material) -> dict[str, Any]:
    if material.texture is None:
        colour = np.clip(material.colour, 0.01, 0.9) ** (1 / 2.2) * 255
        srgb = np.broadcast_to(colour, (8, 8, 3))
    else:
        tint = np.array(material.tint) ** (1 / 2.2)
        srgb = np.minimum(material.texture * tint, 242)
    return {'type': 'bitmap', 'bitmap': _bitmap(srgb.astype(np.uint8)), 'filter_type': 'bilinear'}


def _light(light: AreaLight) -> Any:
    normal = np.array(light.normal, float)
    up = (0.0, 1.0, 0.0) if abs(normal[2]) > 0.9 else (0.0, 0.0, 1.0)
    right = unit(np.cross(up, normal))
    side = right * light.width_m / 2
    rise = np.cross(normal, right) * light.height_m / 2
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    corners = np.array([light.centre + a * side + b * rise for a, b in signs])
    texcoords = np.array([(a + 1, 1 - b) for a, b in signs]) / 2  # v counts from the top
    faces = np.array([(0, 1, 2), (0, 2, 3)])
    mesh = Mesh(corners, np.tile(normal, (4, 1)), texcoords, faces)
    radiance = light.radiance
    if radiance.ndim == 1:
        radiance = np.broadcast_to(radiance, (85, 170, 3))
    bitmap = _bitmap(radiance.astype(np.float32))
    texture = {'type': 'bitmap', 'bitmap': bitmap, 'raw': True}
    return _shape(mesh, _bsdf(GREY), _made({'type': 'area', 'radiance': texture}))


def depth_of(loaded: Any, view: View) -> Array:
    """Return depth along z in the centres of the pixels [m], (H, W), NaN where nothing is."""
    rays = view.rays()
    length = np.linalg.norm(rays, axis=-1)
    directions = (rays / length[..., None]).reshape(-1, 3).astype(np.float32)
    if mi.variant() == SLOW:  # one ray at a time
        eye = mi.Point3f(*view.eye.tolist())
        hits: Any = [
            loaded.ray_intersect_preliminary(mi.Ray3f(eye, mi.Vector3f(*d))).t
            for d in directions.tolist()
        ]
    else:
        eyes = np.broadcast_to(view.eye.astype(np.float32), directions.shape)
        eye = mi.Point3f(np.ascontiguousarray(eyes.T))
        ray = mi.Ray3f(eye, mi.Vector3f(np.ascontiguousarray(directions.T)))
        hits = np.array(loaded.ray_intersect_preliminary(ray, coherent=True).t)
    depth_m = (np.reshape(hits, length.shape) / length).astype(np.float32)
    depth_m[~np.isfinite(depth_m)] = np.nan
    return depth_m


def radiance_of(loaded: Any, view: View, samples: int, seed: int) -> Array:
    """Path-trace a view with samples per pixel and remove the noise; return (H, W, 3)."""
    sensor = sensor_of(view, samples)
    path = _made({'type': 'path', 'max_depth': BOUNCES + 1, 'rr_depth': 4})
    guides = _made({'type': 'aov', 'aovs': 'albedo:albedo,nn:sh_normal'})
    noisy, features = (
        np.nan_to_num(
            np.array(mi.render(loaded, sensor=sensor, integrator=i, spp=samples, seed=seed)),
            posinf=0.0,
        ).astype(np.float32)
        for i in (path, guides)
    )
    noisy = noisy[..., :3]
    noisy = np.minimum(noisy, BRIGHTEST * np.percentile(noisy.max(-1), 99.5) + 1e-6)
    albedo, normal = features[..., -6:-3], features[..., -3:]
    return np.asarray(
        mitsuba_oidn.denoise(
            noisy, albedo=np.clip(albedo, 0, 1), normal=np.ascontiguousarray(normal), hdr=True
        )
    )


def sensor_of(view: View, samples: int) -> Any:
    """Make Mitsuba's camera for a view."""
    camera = view.intrinsics
    matrix = np.eye(4)
    right, down, forward = view.rotation.T
    matrix[:3] = np.stack([-right, -down, forward, view.eye], axis=1)
    return _made({
        'type': 'perspective', 'near_clip': 0.01, 'far_clip': 200.0, 'fov_axis': 'x',
        'fov': math.degrees(2 * math.atan(camera.width / 2 / camera.fx_px)),
        'to_world': mi.ScalarTransform4f(matrix.astype(np.float32)),
        'sampler': {'type': 'independent', 'sample_count': samples},
        'film': {
            'type': 'hdrfilm', 'width': camera.width, 'height': camera.height,
            'rfilter': {'type': 'box'}, 'pixel_format': 'rgb', 'component_format': 'float32',
        },
    })  # fmt: skip
