from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from released_files import midas_shapes, official_shapes, random_tensors
from safetensors import safe_open
from safetensors.torch import save_file
from tiny_models import SWIN, random_image, tiny_config

from zoedepth_ros.model.zoedepth import ZoeDepth, create_model
from zoedepth_ros.weights.convert import from_official
from zoedepth_ros.weights.errors import WeightsError
from zoedepth_ros.weights.load import (
    load_relative_weights,
    load_weights,
    save_weights,
    set_metadata,
)
from zoedepth_ros.weights.names import hugging_face_rules
from zoedepth_ros.weights.read import read_checkpoint

RELATIVE_PARTS = ('backbone.', 'decoder.', 'relative_head.')


def tensors(architecture: str) -> dict[str, torch.Tensor]:
    """Return a tiny official state dict."""
    return random_tensors(official_shapes(tiny_config(architecture)))


def official_file(path: Path, architecture: str = 'NK', **changes: torch.Tensor) -> Path:
    """Write what the official trainer writes."""
    content = {'model': tensors(architecture) | changes, 'optimizer': None, 'epoch': 4}
    torch.save(content, path)
    return path


def assert_holds(model: ZoeDepth, expected: dict[str, torch.Tensor]) -> None:
    ours = model.state_dict()
    assert ours.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(ours[name], tensor), name


@pytest.mark.parametrize('architecture', ['N', 'K', 'NK'])
def test_an_official_file_fills_every_parameter(tmp_path: Path, architecture: str) -> None:
    path = official_file(tmp_path / 'released.pt', architecture)
    model = create_model(tiny_config(architecture), seed=9)
    report = load_weights(model, path)
    assert_holds(model, from_official(tensors(architecture), tiny_config(architecture)))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert report.origin == f'{path} (official .pt, sha256 {digest[:8]}…)'


@pytest.mark.parametrize('is_old', [False, True])
@pytest.mark.parametrize(
    ('wrapped', 'prefix'),
    [
        (lambda x: x, ''),
        (lambda x: x, 'module.'),
        (lambda x: {'state_dict': x, 'epoch': 3}, ''),
        (lambda x: {'state_dict': x, 'pytorch-lightning_version': '2.0'}, 'model.'),
        (lambda x: {'model_state_dict': x, 'optimizer_state_dict': {'state': {}}}, ''),
        (lambda x: {'model': {'state_dict': x}}, 'module.'),
        (lambda x: {'network': x}, '_orig_mod.'),
        (lambda x: x, 'module.model.'),
    ],
)
def test_what_trainers_wrap_a_state_dict_in_is_taken_off(
    tmp_path: Path, wrapped: Callable[[dict], dict], prefix: str, is_old: bool
) -> None:
    named = {f'{prefix}{name}': tensor for name, tensor in tensors('N').items()}
    path = tmp_path / 'x.pt'
    torch.save(wrapped(named), path, _use_new_zipfile_serialization=not is_old)
    model = create_model(tiny_config('N'), seed=9)
    load_weights(model, path)
    assert_holds(model, from_official(tensors('N'), tiny_config('N')))


def test_a_hugging_face_file_fills_every_parameter(tmp_path: Path) -> None:
    config = tiny_config('NK')
    ours = create_model(config, seed=1).state_dict()
    theirs = {}
    for rule in hugging_face_rules(config):
        parts = ours[rule.target].chunk(len(rule.sources))
        theirs |= dict(zip(rule.sources, (x.contiguous() for x in parts), strict=True))
    save_file(theirs, tmp_path / 'model.safetensors', metadata={'format': 'pt'})
    model = create_model(config, seed=2)
    report = load_weights(model, tmp_path / 'model.safetensors')
    assert_holds(model, ours)
    assert 'Hugging Face' in report.origin


def test_our_own_file_brings_its_settings_and_facts_back(tmp_path: Path) -> None:
    path = tmp_path / 'own.safetensors'
    first, second = create_model(tiny_config('K'), seed=1), create_model(tiny_config('K'), seed=2)
    save_weights(first, path, {'trained_on': 'drawn scenes'})
    report = load_weights(second, path)
    assert_holds(second, first.state_dict())
    assert report.metadata == {'trained_on': 'drawn scenes'}
    assert read_checkpoint(path).config == tiny_config('K')
    assert [p.name for p in tmp_path.iterdir()] == ['own.safetensors']


def test_a_file_in_half_precision_is_read_into_single_precision(tmp_path: Path) -> None:
    first, second = create_model(tiny_config('N'), seed=1), create_model(tiny_config('N'), seed=2)
    save_weights(first, tmp_path / 'half.safetensors', dtype=torch.float16)
    load_weights(second, tmp_path / 'half.safetensors')
    assert_holds(second, {k: v.half().float() for k, v in first.state_dict().items()})


def test_facts_may_not_replace_the_settings(tmp_path: Path) -> None:
    model = create_model(tiny_config('N'))
    with pytest.raises(ValueError, match='must not contain the reserved keys config'):
        save_weights(model, tmp_path / 'x.safetensors', {'config': '{}'})


def test_a_file_for_another_variant_names_both(tmp_path: Path) -> None:
    path = official_file(tmp_path / 'k.pt', 'K')
    with pytest.raises(WeightsError, match=r'is for K on .*, expected weights for tiny N \(N on'):
        load_weights(ZoeDepth(tiny_config('N')), path)


def test_a_file_for_another_backbone_names_both(tmp_path: Path) -> None:
    config = tiny_config('N')
    deeper = dataclasses.replace(config, backbone=dataclasses.replace(config.backbone, depth=7))
    path = official_file(tmp_path / 'n.pt', 'N')
    with pytest.raises(WeightsError, match=r'5 blocks of 32 channels.*7 blocks of 32 channels'):
        load_weights(ZoeDepth(deeper), path)


def test_our_own_file_with_other_settings_names_them(tmp_path: Path) -> None:
    config = tiny_config('N')
    weaker = dataclasses.replace(
        config, bins=dataclasses.replace(config.bins, attractor_strength=1000.0)
    )
    save_weights(ZoeDepth(weaker), tmp_path / 'x.safetensors')
    with pytest.raises(WeightsError, match='the two differ in bins'):
        load_weights(ZoeDepth(config), tmp_path / 'x.safetensors')


def test_wrong_shapes_are_listed_and_nothing_is_loaded(tmp_path: Path) -> None:
    path = official_file(tmp_path / 'x.pt', 'N', **{'conv2.bias': torch.zeros(23)})
    model = create_model(tiny_config('N'), seed=1)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    message = r'1 of the wrong shape: bottleneck\.bias is \(23,\) instead of \(24,\)'
    with pytest.raises(WeightsError, match=message) as caught:
        load_weights(model, path)
    assert str(path) in str(caught.value)
    assert_holds(model, before)


@pytest.mark.parametrize('dtype', [torch.int8, torch.bool, torch.complex64])
def test_tensors_that_are_not_of_a_floating_point_type_are_listed(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    path = official_file(tmp_path / 'x.pt', 'N', **{'conv2.bias': torch.zeros(24, dtype=dtype)})
    message = rf'1 not of a floating-point type: bottleneck\.bias is {dtype}$'
    with pytest.raises(WeightsError, match=message):
        load_weights(create_model(tiny_config('N')), path)


def test_missing_and_extra_tensors_of_our_own_file_are_listed(tmp_path: Path) -> None:
    config = tiny_config('N')
    state_dict = ZoeDepth(config).state_dict()
    state_dict['extra'] = state_dict.pop('bottleneck.bias')
    metadata = {'format': 'zoedepth_ros', 'config': json.dumps(config.to_dict())}
    save_file(state_dict, tmp_path / 'x.safetensors', metadata=metadata)
    with pytest.raises(WeightsError, match='1 missing: bottleneck.bias; 1 not expected: extra'):
        load_weights(ZoeDepth(config), tmp_path / 'x.safetensors')


def test_relative_weights_alone_are_no_metric_network(tmp_path: Path) -> None:
    torch.save(random_tensors(midas_shapes(tiny_config('NK'))), tmp_path / 'midas.pt')
    with pytest.raises(WeightsError, match='only the weights of relative depth'):
        load_weights(ZoeDepth(tiny_config('NK')), tmp_path / 'midas.pt')


@pytest.mark.parametrize('source', ['midas', 'official', 'own'])
def test_training_may_start_from_the_relative_part(tmp_path: Path, source: str) -> None:
    path = tmp_path / 'source'
    donor = create_model(tiny_config('N'), seed=1)
    load_weights(donor, official_file(tmp_path / 'n.pt', 'N'))
    if source == 'midas':
        core = 'core.core.'
        midas = {k[len(core) :]: v for k, v in tensors('N').items() if k.startswith(core)}
        torch.save(midas, path)
    elif source == 'official':
        official_file(path, 'N')
    else:
        save_weights(donor, path)
    model, untouched = (create_model(tiny_config('NK'), seed=2) for _ in range(2))
    load_relative_weights(model, path)
    expected = untouched.state_dict() | {
        k: v for k, v in donor.state_dict().items() if k.startswith(RELATIVE_PARTS)
    }
    assert_holds(model, expected)


@torch.no_grad()
def test_a_midas_file_on_a_swin_starts_a_training(tmp_path: Path) -> None:
    config = dataclasses.replace(tiny_config('NK'), backbone=SWIN)
    torch.save(random_tensors(midas_shapes(config)), tmp_path / 'swin.pt')
    first, second = (create_model(config, seed=seed).eval() for seed in (1, 2))
    for model in (first, second):
        load_relative_weights(model, tmp_path / 'swin.pt')
    image = random_image(64, 64)
    relative = first.encode(image).relative_depth
    assert torch.equal(relative, second.encode(image).relative_depth)
    save_weights(first, tmp_path / 'own.safetensors')
    load_weights(second, tmp_path / 'own.safetensors')
    assert_holds(second, first.state_dict())


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'embed_dim': 32}, '9 blocks of 16 to 128 channels.*9 blocks of 32 to 256 channels'),
        ({'window': 2}, 'window size 4, .*, window size 2'),
        (None, 'on a Swin v2 .* expected weights for .* on a BEiT with 5 blocks of 32 channels'),
    ],
)
def test_a_midas_file_for_another_backbone_names_both(
    tmp_path: Path, change: dict[str, int] | None, message: str
) -> None:
    config = dataclasses.replace(tiny_config('N'), backbone=SWIN)
    torch.save(random_tensors(midas_shapes(config)), tmp_path / 'swin.pt')
    model = ZoeDepth(tiny_config('N'))
    if change is not None:
        swin = dataclasses.replace(SWIN, **change, trained_windows=(0, 0, 0, 0))
        model = ZoeDepth(dataclasses.replace(config, backbone=swin))
    with pytest.raises(WeightsError, match=message):
        load_relative_weights(model, tmp_path / 'swin.pt')


class Malice:
    """Would leave a trace where it is unpickled."""

    def __reduce__(self) -> Any:
        return os.mkdir, (os.environ['TRACE'],)


@pytest.mark.parametrize('old', [False, True], ids=['zip', 'pickle'])
def test_only_tensors_are_ever_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bool
) -> None:
    trace = tmp_path / 'trace'
    monkeypatch.setenv('TRACE', str(trace))
    content = {'model': tensors('N'), 'optimizer': Malice()}
    path = tmp_path / 'evil.pt'
    torch.save(content, path, _use_new_zipfile_serialization=not old)
    with pytest.raises(
        WeightsError,
        match=r'evil\.pt: the file is not loaded, .* objects other than tensors.*mkdir',
    ):
        load_weights(ZoeDepth(tiny_config('N')), path)
    assert not trace.exists()


def truncated(path: Path, keep: float) -> bytes:
    content = path.read_bytes()
    return content[: int(len(content) * keep)]


@pytest.mark.parametrize('keep', [0.0005, 0.01, 0.5, 0.999])
@pytest.mark.parametrize('kind', ['official', 'own'])
def test_a_truncated_file_is_called_damaged(tmp_path: Path, kind: str, keep: float) -> None:
    path = tmp_path / 'x'
    if kind == 'official':
        official_file(path, 'N')
    else:
        save_weights(ZoeDepth(tiny_config('N')), path)
    path.write_bytes(truncated(path, keep))
    named = 'checkpoint' if kind == 'official' else 'safetensors file'
    with pytest.raises(WeightsError, match=f'{path}: the {named} is damaged'):
        load_weights(ZoeDepth(tiny_config('N')), path)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'the file is empty'),
        (b'x', 'is not a weights file'),
        (b'<html><body>404 Not Found</body></html>', r'begins with b.<html>'),
        (b'version https://git-lfs.github.com/spec/v1\n', 'Git LFS pointer.*git lfs pull'),
        (b'\x80\x02nonsense', 'the checkpoint is damaged|other than tensors'),
    ],
)
def test_what_is_no_file_of_weights_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / 'x.pt').write_bytes(content)
    with pytest.raises(WeightsError, match=rf'x\.pt: .*({message})'):
        read_checkpoint(tmp_path / 'x.pt')


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r'nothing\.pt: cannot be read: No such file'):
        read_checkpoint(tmp_path / 'nothing.pt')
    with pytest.raises(WeightsError, match='cannot be read: Is a directory'):
        read_checkpoint(tmp_path)
    with pytest.raises(WeightsError, match='x: cannot be read: File name too long'):
        read_checkpoint(tmp_path / ('x' * 300))


@pytest.mark.parametrize(
    ('content', 'got'),
    [
        ([1, 2], r'\[1, 2\]'),
        ({'epoch': 3, 'optimizer': {'state': {}}}, '2 keys: epoch, optimizer'),
        ({'model': {1: torch.zeros(1)}}, '1 keys: model'),
        ('text', "'text'"),
    ],
)
def test_a_checkpoint_without_a_state_dict_reports_what_it_holds(
    tmp_path: Path, content: object, got: str
) -> None:
    torch.save(content, tmp_path / 'x.pt')
    with pytest.raises(WeightsError, match=f'the file has no state dict: .* got {got}'):
        read_checkpoint(tmp_path / 'x.pt')


@torch.no_grad()
def test_k_from_a_released_file_measures_up_to_eighty_metres(tmp_path: Path) -> None:
    model = ZoeDepth(tiny_config('K')).eval()
    load_weights(model, official_file(tmp_path / 'k.pt', 'K'))
    binomial = model.heads['outdoor'].distribution.output
    binomial.weight.zero_()
    binomial.bias.copy_(torch.tensor([40.0, -40.0, -40.0, 40.0]))  # all on the farthest bin
    assert model(random_image(64, 64), 'outdoor').depth_m.mean() > 60.0


def test_metadata_is_added_to_a_file_whose_tensors_stay_as_they_are(tmp_path):
    path = tmp_path / 'a.safetensors'
    save_file({'x': torch.arange(3.0)}, path, metadata={'a': '1', 'b': '2'})
    set_metadata(path, {'b': '3', 'c': 'é'})
    with safe_open(path, 'pt') as file:
        assert file.metadata() == {'a': '1', 'b': '3', 'c': 'é'}
        assert file.get_tensor('x').tolist() == [0.0, 1.0, 2.0]


def test_other_files_have_no_room_for_metadata(tmp_path):
    nothing, deep = b'{"__metadata__": null}', b'[' * 100_000
    framed = (len(x).to_bytes(8, 'little') + x for x in (b'[]', nothing, deep))
    for content in (b'', b'PK\x03\x04 and more', *framed):
        (tmp_path / 'a.pt').write_bytes(content)
        with pytest.raises(WeightsError, match='expected a safetensors file'):
            set_metadata(tmp_path / 'a.pt', {'a': '1'})
        assert (tmp_path / 'a.pt').read_bytes() == content
