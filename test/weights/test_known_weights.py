"""The list of weights matches what the publishers state."""

import subprocess
import sys

import pytest

from zoedepth_ros.weights import known_weights
from zoedepth_ros.weights.known_weights import MODELS, embedded_path, model_source


@pytest.mark.parametrize(
    ('name', 'repo_id', 'heads'),
    [
        ('ZoeD_M12_N', 'Intel/zoedepth-nyu', ('indoor',)),
        ('ZoeD_M12_K', 'Intel/zoedepth-kitti', ('outdoor',)),
        ('ZoeD_M12_NK', 'Intel/zoedepth-nyu-kitti', ('indoor', 'outdoor')),
    ],
)
def test_a_released_model_has_both_its_sources(name, repo_id, heads):
    model = model_source(name)
    assert model.hugging_face.repo_id == repo_id
    assert model.hugging_face.filename == 'model.safetensors'
    folder = 'https://github.com/isl-org/ZoeDepth/releases/download/v1.0'
    assert model.github.url == f'{folder}/{name}.pt'
    assert (model.heads, model.kind) == (heads, 'released')


@pytest.mark.parametrize(
    'size',
    ['beit_large_512', 'beit_large_384', 'beit_base_384', 'swin2_large_384', 'swin2_base_384',
     'swin2_tiny_256'],
)  # fmt: skip
def test_the_weights_to_train_from_are_those_of_midas_3_1(size):
    model, file = model_source(f'dpt_{size}'), f'dpt_{size}.pt'
    assert model.github.url == f'https://github.com/isl-org/MiDaS/releases/download/v3_1/{file}'
    assert model.github.filename == file
    assert (model.heads, model.kind) == ((), 'initial')


def test_the_default_model_comes_first():
    assert next(iter(MODELS)) == 'ZoeD_M12_NK'


def test_an_unknown_name_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match=r"'ZoeD_M13_N'.*ZoeD_M12_NK, ZoeD_M12_N,.*your own"):
        model_source('ZoeD_M13_N')


def test_an_embedded_model_is_found_only_when_its_file_is_there(tmp_path, monkeypatch):
    monkeypatch.setattr(known_weights, 'EMBEDDED_FOLDER', tmp_path / 'embedded')
    assert embedded_path('ZoeD_S_NK') is None
    (tmp_path / 'embedded').mkdir()
    for file in ('embedded/ZoeD_S_NK.safetensors', 'other.safetensors'):
        (tmp_path / file).write_bytes(b'weights')
    assert embedded_path('ZoeD_S_NK') == tmp_path / 'embedded' / 'ZoeD_S_NK.safetensors'
    assert embedded_path('../other') is None


def test_the_list_needs_neither_torch_nor_the_hub_library():
    code = (
        'import sys, zoedepth_ros.weights.known_weights, zoedepth_ros.weights.fetch\n'
        'print({"torch", "huggingface_hub", "tqdm"} & set(sys.modules))'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == 'set()'
