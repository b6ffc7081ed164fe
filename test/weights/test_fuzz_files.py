"""Damaged files of weights: every one is refused with a reason or loads, and nothing breaks.

ZOEDEPTH_FUZZ_CASES=100000 damages 1,000 files (a hundredth) instead of 50.
"""

import json
import os
import random
import resource
import zipfile
from pathlib import Path

import pytest
import torch
from fuzzing import CASES
from released_files import official_shapes, random_tensors
from tiny_models import tiny_config

from zoedepth_ros.model.zoedepth import create_model
from zoedepth_ros.weights.errors import WeightsError
from zoedepth_ros.weights.load import load_weights, save_weights

FILES = CASES // 100 or 50


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """Return one good file of each kind, as bytes."""
    folder = tmp_path_factory.mktemp('whole')
    tensors = random_tensors(official_shapes(tiny_config('NK')))
    torch.save({'model': tensors}, folder / 'a.pt')
    torch.save(tensors, folder / 'b.pt', _use_new_zipfile_serialization=False)
    save_weights(create_model(tiny_config('NK'), seed=1), folder / 'c.safetensors', {'x': 'y'})
    return [(path.suffix, path.read_bytes()) for path in sorted(folder.iterdir())]


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Cut, alter, double or splice, mostly where the structure is: at both ends."""
    data = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        reach = chance.choice([16, 400, 4000, len(data)])
        at = chance.randrange(min(reach, len(data)))
        at = chance.choice([at, len(data) - 1 - at])
        kind = chance.choice(['set', 'set', 'cut', 'end', 'double', 'noise', 'zero'])
        if kind == 'set':
            data[at] = chance.randrange(256)
        elif kind == 'cut':
            del data[at : at + chance.randint(1, 5000)]
        elif kind == 'end':
            del data[max(1, at) :]
        elif kind == 'double':
            data[at:at] = data[at : at + chance.randint(1, 500)]
        else:
            count = chance.randint(1, 64)
            data[at : at + count] = bytes(count) if kind == 'zero' else chance.randbytes(count)
        data = data or bytearray(b'x')
    return bytes(data)


@pytest.mark.timeout(7200)
def test_a_damaged_file_is_refused_with_a_reason_or_loads(whole, tmp_path):
    model = create_model(tiny_config('NK'), seed=2)
    refused = 0
    for i in range(FILES):
        chance = random.Random(i)
        suffix, data = whole[i % len(whole)]
        path = tmp_path / f'damaged{suffix}'
        path.write_bytes(damaged(data, chance))
        reason = ''
        try:
            load_weights(model, path)
        except WeightsError as error:
            reason = str(error)
        except Exception as error:
            raise AssertionError(f'file {i}: {error!r}') from error
        if reason:
            refused += 1
            assert str(path) in reason, i
    assert refused > 0.3 * FILES


def test_a_pipe_or_a_device_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(WeightsError, match='is not a regular file'):
        load_weights(create_model(tiny_config('NK')), tmp_path / 'pipe')
    with pytest.raises(WeightsError, match='is not a regular file'):
        load_weights(create_model(tiny_config('NK')), Path('/dev/zero'))


def test_a_file_that_is_replaced_while_it_is_read_is_refused(tmp_path, monkeypatch):
    """The digest that the node shows must be that of the parameters that it uses."""
    from zoedepth_ros.weights import read

    path, other = tmp_path / 'a.safetensors', tmp_path / 'b.safetensors'
    save_weights(create_model(tiny_config('NK'), seed=1), path)
    save_weights(create_model(tiny_config('NK'), seed=2), other)
    reading = read._read_safetensors
    monkeypatch.setattr(read, '_read_safetensors', lambda p: (other.replace(p), reading(p))[1])
    with pytest.raises(WeightsError, match='changed while'):
        load_weights(create_model(tiny_config('NK')), path)


def test_a_file_that_is_removed_while_it_is_read_is_refused(tmp_path, monkeypatch):
    from zoedepth_ros.weights import read

    path = tmp_path / 'a.safetensors'
    save_weights(create_model(tiny_config('NK'), seed=1), path)
    reading = read._read_safetensors
    monkeypatch.setattr(read, '_read_safetensors', lambda p: (reading(p), p.unlink())[0])
    with pytest.raises(WeightsError, match='a.safetensors: cannot be read: No such file'):
        load_weights(create_model(tiny_config('NK')), path)


def test_weights_in_use_do_not_change_with_their_file(tmp_path):
    path = tmp_path / 'a.pt'
    torch.save(random_tensors(official_shapes(tiny_config('NK'))), path)
    model = create_model(tiny_config('NK'))
    load_weights(model, path)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with path.open('r+b') as file:  # in place, as `cp` does
        file.write(os.urandom(path.stat().st_size))
    path.write_bytes(b'')
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def packed_pt(path: Path, unpacked_bytes: int) -> Path:
    """Write an archive as torch does, but compressed: a pickle of zeros becomes very small."""
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        with archive.open('archive/data.pkl', 'w', force_zip64=True) as part:
            for _ in range(unpacked_bytes >> 20):
                part.write(bytes(1 << 20))
        archive.writestr('archive/version', '3\n')
    return path


def test_an_archive_that_unpacks_to_much_is_refused_before_it_is_unpacked(tmp_path):
    path = packed_pt(tmp_path / 'bomb.pt', 256 << 20)
    assert path.stat().st_size < 1 << 20
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(
        WeightsError, match=r'bomb.pt: the file expands from .* to 268,435,\d+ bytes'
    ):
        load_weights(create_model(tiny_config('NK')), path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 100 << 10


def altered(part: str, **values: int) -> str:
    settings = tiny_config('NK').to_dict()
    settings[part] |= values
    return json.dumps(settings)


@pytest.mark.parametrize(
    ('config', 'reason'),
    [
        ('[' * 100_000, 'nested too deeply'),
        ('"' + 'x' * (2 << 20) + '"', 'expected at most 1,048,576'),
        ('{"name": "' + 'x' * 900_000 + '"}', ''),
        ('[1]', ''),
        ('{"name": "x"}', ''),
        (altered('backbone', num_heads=0), 'modulo by zero'),
        (altered('backbone', patch_size=0), 'modulo by zero'),
        (altered('router', num_heads=0), 'modulo by zero'),
    ],
    ids=[
        'deep',
        'long',
        'name',
        'list',
        'few',
        'no heads',
        'no patches',
        'no heads of the router',
    ],
)
def test_settings_that_are_none_are_refused_in_few_words(tmp_path, config, reason):
    from safetensors.torch import save_file

    path = tmp_path / 'a.safetensors'
    metadata = {'format': 'zoedepth_ros', 'config': config}
    save_file({'x': torch.zeros(1)}, path, metadata)
    with pytest.raises(
        WeightsError, match='a.safetensors: the settings of the network cannot be read'
    ) as found:
        load_weights(create_model(tiny_config('NK')), path)
    assert reason in str(found.value)
    assert len(str(found.value)) < 2200


def test_names_of_tensors_are_quoted_short(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / 'a.safetensors'
    save_file({f'{n}' + 'x' * 500_000: torch.zeros(1) for n in range(9)}, path)
    with pytest.raises(WeightsError) as found:
        load_weights(create_model(tiny_config('NK')), path)
    assert str(path) in str(found.value)
    assert len(str(found.value)) < 2200


def test_weights_are_not_written_through_a_link(tmp_path):
    (tmp_path / 'precious').write_text('mine')
    for name in ('a.safetensors', 'a.safetensors.partial'):
        (tmp_path / name).symlink_to(tmp_path / 'precious')
    save_weights(create_model(tiny_config('NK')), tmp_path / 'a.safetensors')
    assert (tmp_path / 'precious').read_text() == 'mine'
    load_weights(create_model(tiny_config('NK')), tmp_path / 'a.safetensors')
