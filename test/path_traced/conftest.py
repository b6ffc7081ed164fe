"""A small library of models, in the format of sweethome3d-furniture."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

# A cuboid of 2 x 1 x 4 (y up), one face of it of glass and without texture coordinates.
OBJ = """mtllib BOX.MTL
v 0 0 0
v 2 0 0
v 2 1 0
v 0 1 0
v 0 0 4
v 2 0 4
v 2 1 4
v 0 1 4
vt 0 0
vt 1 0
vt 1 0.75
vt 0 0.75
usemtl wood plank
f 1/1 4/2 3/3 2/4
f 5/1 6/2 7/3 8/4
f 1/1 2/2 6/3 5/4
f 4/1 8/2 7/3 3/4
f 1/1 5/2 8/3 4/4
usemtl glass
f 2 3 7
f 2 7 6
"""
MTL = """newmtl wood plank
Kd 0.4 0.3 0.2
Ks 0.5 0.5 0.5
Ns 40
map_Kd textures\\Wood0.jpg
newmtl glass
Kd 1 1 1
d 0.2
"""
ROW = """id#{n}={n}
name#{n}={name}
category#{n}={category}
model#{n}=/{model}
width#{n}={width}
depth#{n}={depth}
height#{n}={height}
"""


def noise_jpeg(seed):
    cells = np.random.default_rng(seed).integers(0, 255, (32, 32, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(cells).save(stream, 'JPEG')
    return stream.getvalue()


@pytest.fixture(scope='session')
def library(tmp_path_factory):
    """Hold 40 boxes of 4 x 3 x 20 cm, a cupboard, a car, a door and people."""
    folder = tmp_path_factory.mktemp('models')
    rows = [('Box', 'Kitchen', 4, 3, 20)] * 40
    rows += [('Cupboard', 'Living room', 100, 50, 120), ('Car', 'Vehicles', 180, 400, 150)]
    rows += [('Door', 'Doors and windows', 90, 10, 200)]
    text = ''.join(
        ROW.format(
            n=n, name=name, category=category, model='box/box.obj', width=w, depth=d, height=h
        )
        for n, (name, category, w, d, h) in enumerate(rows, 1)
    )
    with zipfile.ZipFile(folder / 'Library.sh3f', 'w') as archive:
        archive.writestr('PluginFurnitureCatalog.properties', text)
        archive.writestr('box/box.obj', OBJ)
        archive.writestr('box/box.mtl', MTL)
        for seed in range(40):
            archive.writestr(f'box/wood{seed}.jpg', noise_jpeg(seed))
    people = ROW.format(
        n=1, name='Man', category='People', model='m.obj', width=50, depth=30, height=180
    )
    with zipfile.ZipFile(folder / 'Reallusion.sh3f', 'w') as archive:
        archive.writestr('PluginFurnitureCatalog.properties', people)
        archive.writestr('m.obj', OBJ)
    return folder


@pytest.fixture(scope='session')
def skies():
    sky = np.ones((8, 16, 3), np.float32)
    return {'city': sky, 'lobby': 2 * sky, 'park': 3 * sky, 'night': 0 * sky}
