"""Models of .sh3f files, the assets of training and validation, and scenes made of them."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip('trimesh')

from zoedepth_ros.path_traced.assets import Assets, is_held_out
from zoedepth_ros.path_traced.draws import Draws
from zoedepth_ros.path_traced.models import catalogue, read_model
from zoedepth_ros.path_traced.places import KINDS, random_scene
from zoedepth_ros.path_traced.things import MAKERS


@pytest.fixture(scope='module')
def assets(library, skies):
    return Assets(library, skies, 'train')


def vertices_of(model):
    return np.concatenate([part.mesh.vertices for part in model.parts])


def test_a_model_has_the_size_of_its_catalogue_and_stands_on_the_origin(library):
    box, car = (next(e for e in catalogue(library) if e.name == n) for n in ('Box', 'Car'))
    for entry, size_m in ((box, (0.04, 0.03, 0.2)), (car, (1.8, 4.0, 1.5))):
        vertices = vertices_of(read_model(entry))
        np.testing.assert_allclose(np.ptp(vertices, axis=0), size_m, rtol=1e-6)
        half = (size_m[0] / 2, size_m[1] / 2, 0)
        np.testing.assert_allclose(vertices.min(0), (-half[0], -half[1], 0), atol=1e-6)


def test_the_rotation_of_the_catalogue_is_applied_before_the_size(library):
    entry = catalogue(library)[0]
    quarter_about_x = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 1.0, 0.0)
    for turned in (entry, dataclasses.replace(entry, rotation=quarter_about_x)):
        model = read_model(turned)
        np.testing.assert_allclose(
            np.ptp(vertices_of(model), axis=0), (0.04, 0.03, 0.2), rtol=1e-6
        )
    # in the file the glass is the face x = 2, which the rotation about x leaves on the right
    assert (
        model.parts[[p.material for p in model.parts].index('glass')].mesh.vertices[:, 0] > 0
    ).all()


def test_the_parts_of_a_model_have_the_materials_and_textures_of_the_file(library):
    parts = {part.material: part for part in read_model(catalogue(library)[0]).parts}
    wood, glass = parts['wood plank'], parts['glass']
    assert (wood.diffuse, wood.specular, wood.shininess, wood.opacity) == (
        (0.4, 0.3, 0.2),
        0.5,
        40,
        1,
    )
    assert wood.texture.shape == (256, 256, 3)
    # v counts from the top of the image, not from the bottom as in the file
    assert (wood.mesh.texcoords[:, 1].min(), wood.mesh.texcoords[:, 1].max()) == (0.25, 1.0)
    assert (glass.opacity, glass.texture, len(glass.mesh.faces)) == (0.2, None, 2)
    assert len(wood.mesh.faces) == 10


def test_normals_point_out_of_the_surface(library):
    for part in read_model(catalogue(library)[0]).parts:
        outwards = part.mesh.vertices - (0, 0, 0.1)
        assert ((outwards * part.mesh.normals).sum(1) > 0).all()
        np.testing.assert_allclose(np.linalg.norm(part.mesh.normals, axis=1), 1, rtol=1e-5)


def test_people_and_doors_are_left_out(library):
    names = {entry.name for entry in catalogue(library)}
    assert names == {'Box', 'Cupboard', 'Car'}


def test_training_and_validation_share_neither_small_models_nor_pictures(library, skies, assets):
    held_out = Assets(library, skies, 'val')
    for kind in ('small', 'textures', 'labels', 'skies'):
        both = [
            {item.key if kind == 'small' else item.tobytes() for item in getattr(split, kind)}
            for split in (assets, held_out)
        ]
        assert both[0]
        assert both[1]
        assert not both[0] & both[1], kind
    assert len({e.key for e in assets.small} | {e.key for e in held_out.small}) == 40
    assert assets.furniture == held_out.furniture
    assert [float(sky.max()) for sky in held_out.skies] == [1.0]  # city
    assert sorted(float(sky.max()) for sky in assets.skies) == [2.0, 3.0]  # without night


def test_about_every_ninth_asset_is_held_out():
    assert 60 < sum(is_held_out(f'asset {k}') for k in range(900)) < 140


def test_folders_without_models_and_without_hdris_are_named(library, skies, tmp_path):
    with pytest.raises(ValueError, match=f'.sh3f files with models in {tmp_path}.* got none'):
        catalogue(tmp_path)
    with pytest.raises(ValueError, match="skies: .* contain none for the split 'val'"):
        Assets(library, {'lobby': skies['lobby']}, 'val')


@pytest.mark.parametrize('make', sorted(set(MAKERS), key=lambda make: make.__name__))
def test_a_made_thing_is_small_and_has_unit_normals(make, assets):
    for seed in range(3):
        for mesh, _ in make(Draws(seed), assets):
            assert 0.001 < np.ptp(mesh.vertices, axis=0).max() < 0.6
            assert len(mesh.vertices) == len(mesh.normals) == len(mesh.texcoords)
            assert mesh.faces.max() < len(mesh.vertices)
            lengths = np.linalg.norm(mesh.normals[np.unique(mesh.faces)], axis=1)
            assert np.median(lengths) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize('kind', KINDS)
def test_the_same_seed_gives_the_same_scene_and_another_seed_another(kind, assets):
    def numbers(seed):
        scene, name, rule = random_scene(Draws(0, seed), assets, kind)
        assert name == kind
        aim = rule.draw()
        vertices = [mesh.moved(matrix).vertices.sum() for mesh, matrix, _ in scene.parts]
        return scene, [*vertices, *aim.target, aim.distance_m, aim.elevation, aim.azimuth]

    scene, first = numbers(3)
    assert first == numbers(3)[1]
    assert first != numbers(4)[1]
    assert scene.spots or kind == 'furnished', 'things were put somewhere'
    x0, x1, y0, y1 = scene.room
    for x, y, z in scene.spots:
        assert x0 < x < x1
        assert y0 < y < y1
        assert 0 <= z < scene.ceiling_m
