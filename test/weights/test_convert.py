from __future__ import annotations

import dataclasses

import pytest
import torch
from released_files import midas_shapes, official_shapes, random_tensors
from tiny_models import SWIN, built_without_memory, tiny_config

from zoedepth_ros.model.config import ModelConfig
from zoedepth_ros.model.presets import preset
from zoedepth_ros.weights.convert import (
    detect_variant,
    from_hugging_face,
    from_midas,
    from_official,
)
from zoedepth_ros.weights.errors import WeightsError
from zoedepth_ros.weights.names import hugging_face_rules

ARCHITECTURES = ['N', 'K', 'NK']


def shapes_of(state_dict: dict[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in state_dict.items()}


def our_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    return shapes_of(built_without_memory(config).state_dict())


def official(architecture: str) -> dict[str, torch.Tensor]:
    return random_tensors(official_shapes(tiny_config(architecture)))


@pytest.mark.parametrize(
    'shapes',
    [
        {'backbone.blocks.0.norm1.weight': ()},
        {
            'core.core.pretrained.model.blocks.0.norm1.weight': (4,),
            'attractors.3._net.2.weight': (),
        },
        {f'backbone.network.blocks.{stage}.0.conv_dw.weight': (1,) for stage in range(7)},
        {
            **{f'pretrained.model.layers.{i}.blocks.0.norm1.weight': (3,) for i in range(4)},
            'pretrained.model.layers.0.blocks.1.attn_mask': (),
        },
    ],
    ids=['channels', 'attractors', 'convolutions', 'window'],
)
def test_tensors_without_the_size_of_the_network_are_refused(shapes) -> None:
    with pytest.raises(WeightsError, match='is missing or has no dimensions'):
        detect_variant(shapes)


@pytest.mark.parametrize(
    ('name', 'count'),
    [
        *(('M12_N', 535), ('M12_K', 535), ('M12_NK', 615)),
        *(('B12_N', 331), ('B12_K', 331), ('B12_NK', 411)),
    ],
)
def test_full_size_official_files_fill_the_network_exactly(name: str, count: int) -> None:
    config = preset(f'ZoeD_{name}')
    theirs = random_tensors(official_shapes(config), device='meta')
    assert len(theirs) == count
    assert shapes_of(from_official(theirs, config)) == our_shapes(config)


@pytest.mark.parametrize(('architecture', 'count'), [('N', 553), ('K', 553), ('NK', 647)])
def test_full_size_hugging_face_files_have_as_many_tensors_as_we_take(
    architecture: str, count: int
) -> None:
    rules = list(hugging_face_rules(preset(f'ZoeD_M12_{architecture}')))
    taken = [name for rule in rules for name in rule.sources]
    unused = 4  # weight and bias of two convolutions of the fusion that has no skip
    assert len(taken) == len(set(taken)) == count - unused


@pytest.mark.parametrize(
    ('name', 'tensors', 'parameters'),
    [  # as MiDaS' own networks count them
        ('ZoeD_M12_NK', 487, 344_338_601),
        ('ZoeD_BeitL512_NK', 487, 345_014_441),
        ('ZoeD_B12_NK', 283, 111_531_689),
        ('ZoeD_Swin2L_NK', 477, 213_411_869),
        ('ZoeD_Swin2B_NK', 477, 102_378_913),
        ('ZoeD_Swin2T_NK', 273, 41_701_331),
    ],
)
def test_full_size_midas_files_fill_all_but_the_metric_part(
    name: str, tensors: int, parameters: int
) -> None:
    config = preset(name)
    theirs = random_tensors(midas_shapes(config), device='meta')
    constants = ('relative_position_index', 'attn_mask')
    numbers = sum(x.numel() for k, x in theirs.items() if not k.endswith(constants))
    assert (len(theirs), numbers) == (tensors, parameters)
    ours = from_midas(theirs, config)
    parts = ('backbone.', 'decoder.', 'relative_head.')
    expected = {k: v for k, v in our_shapes(config).items() if k.startswith(parts)}
    assert shapes_of(ours) == expected


def test_convention_of_names_that_are_easily_swapped() -> None:
    theirs = official('NK')
    ours = from_official(theirs, tiny_config('NK'))
    same = {
        'decoder.coarsest.project.weight': 'core.core.scratch.refinenet4.out_conv.weight',
        'decoder.fusions.0.project.weight': 'core.core.scratch.refinenet3.out_conv.weight',
        'decoder.fusions.2.project.weight': 'core.core.scratch.refinenet1.out_conv.weight',
        'decoder.coarsest.refine.conv1.weight': (
            'core.core.scratch.refinenet4.resConfUnit2.conv1.weight'
        ),
        'decoder.fusions.1.refine_skip.conv2.bias': (
            'core.core.scratch.refinenet2.resConfUnit1.conv2.bias'
        ),
        'decoder.reduce.0.weight': 'core.core.scratch.layer1_rn.weight',
        'relative_head.conv2.bias': 'core.core.scratch.output_conv.2.bias',
        'heads.indoor.seeds.2.bias': 'seed_bin_regressors.nyu._net.2.bias',
        'heads.outdoor.seeds.2.bias': 'seed_bin_regressors.kitti._net.2.bias',
        'heads.outdoor.attractors.1.mlp.2.bias': 'attractors.kitti.1._net.2.bias',
        'heads.indoor.distribution.output.bias': 'conditional_log_binomial.nyu.mlp.2.bias',
        'backbone.position_tables.3': (
            'core.core.pretrained.model.blocks.3.attn.relative_position_bias_table'
        ),
        'router.layers.1.qkv.weight': (
            'patch_transformer.transformer_encoder.layers.1.self_attn.in_proj_weight'
        ),
    }
    for our_name, their_name in same.items():
        assert torch.equal(ours[our_name], theirs[their_name]), our_name


def test_convention_of_names_on_a_swin() -> None:
    """What halves the map ends a stage in the files; here it begins the next one."""
    config = dataclasses.replace(tiny_config('N'), backbone=SWIN)
    theirs = random_tensors(midas_shapes(config))
    ours = from_midas(theirs, config)
    model = 'pretrained.model'
    same = {
        'backbone.patch_embed.bias': f'{model}.patch_embed.proj.bias',
        'backbone.patch_norm.bias': f'{model}.patch_embed.norm.bias',
        'backbone.stages.1.downsample.reduction.weight': (
            f'{model}.layers.0.downsample.reduction.weight'
        ),
        'backbone.stages.3.downsample.norm.weight': f'{model}.layers.2.downsample.norm.weight',
        'backbone.stages.2.blocks.1.norm2.bias': f'{model}.layers.2.blocks.1.norm2.bias',
        'backbone.stages.0.blocks.1.attn.v_bias': f'{model}.layers.0.blocks.1.attn.v_bias',
        'decoder.reduce.3.weight': 'scratch.layer4_rn.weight',
    }
    for our_name, their_name in same.items():
        assert torch.equal(ours[our_name], theirs[their_name]), our_name


def test_hugging_face_files_are_not_taken_on_a_swin() -> None:
    config = dataclasses.replace(tiny_config('N'), backbone=SWIN)
    with pytest.raises(WeightsError, match='BEiT backbones only'):
        from_hugging_face({}, config)


def test_of_k_s_attractor_pairs_the_first_is_taken() -> None:
    theirs = official('K')
    ours = from_official(theirs, tiny_config('K'))
    pairs = theirs['attractors.1._net.2.weight'].unflatten(0, (8, 2))
    assert torch.equal(ours['heads.outdoor.attractors.1.mlp.2.weight'], pairs[:, 0])


def test_hugging_face_attention_is_stacked_query_key_value() -> None:
    config = tiny_config('N')
    theirs = {
        name: torch.full((2, 3), float(index))
        for index, name in enumerate(
            name for rule in hugging_face_rules(config) for name in rule.sources
        )
    }
    attention = 'backbone.encoder.layer.2.attention.attention'
    parts = [theirs[f'{attention}.{part}.weight'] for part in ('query', 'key', 'value')]
    ours = from_hugging_face(theirs, config)
    assert torch.equal(ours['backbone.blocks.2.attn.qkv.weight'], torch.cat(parts))


def test_missing_and_unknown_names_are_listed_up_to_a_limit() -> None:
    theirs = official('N')
    del theirs['conv2.bias']
    theirs['surprise'] = torch.zeros(1)
    with pytest.raises(WeightsError, match='1 missing: conv2.bias; 1 not expected: surprise'):
        from_official(theirs, tiny_config('N'))
    few = {'conv2.bias': theirs['conv2.weight']}
    with pytest.raises(WeightsError, match=r' missing: .* and \d+ more') as caught:
        from_official(few, tiny_config('N'))
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize('architecture', ARCHITECTURES)
def test_constants_without_effect_may_be_absent(architecture: str) -> None:
    theirs = official(architecture)
    constants = ('relative_position_index', 'k_idx', 'K_minus_1')
    pruned = {k: v for k, v in theirs.items() if not k.endswith(constants)}
    assert len(pruned) < len(theirs)
    assert shapes_of(from_official(pruned, tiny_config(architecture))) == our_shapes(
        tiny_config(architecture)
    )


HUGGING_FACE = {
    'backbone.embeddings.cls_token': (1, 1, 1024),
    'backbone.encoder.layer.0.layernorm_before.weight': (1024,),
    'backbone.encoder.layer.1.layernorm_before.weight': (1024,),
}
LAST = 'metric_head.attractors.3.conv2.weight'
CLASSIFIER = 'metric_head.mlp_classifier.linear1.weight'


@pytest.mark.parametrize(
    ('shapes', 'expected'),
    [
        *(
            (lambda a=a: official_shapes(preset(f'ZoeD_M12_{a}')), ('official', a, 1024, 24))
            for a in ARCHITECTURES
        ),
        *((lambda a=a: our_shapes(tiny_config(a)), ('own', a, 32, 5)) for a in ARCHITECTURES),
        (lambda: midas_shapes(preset('ZoeD_B12_N')), ('midas', 'relative', 768, 12)),
        (lambda: {**HUGGING_FACE, LAST: (1, 128, 1, 1)}, ('hugging_face', 'N', 1024, 2)),
        (lambda: {**HUGGING_FACE, LAST: (2, 128, 1, 1)}, ('hugging_face', 'K', 1024, 2)),
        (lambda: {**HUGGING_FACE, CLASSIFIER: (128, 128)}, ('hugging_face', 'NK', 1024, 2)),
    ],
)
def test_the_variant_of_a_file_is_told_from_names_and_shapes(shapes, expected) -> None:
    found = detect_variant(shapes())
    assert (found.format, found.architecture, found.embed_dim, found.depth) == expected


def test_the_variant_of_a_swin_is_told_from_names_and_masks() -> None:
    shapes = midas_shapes(preset('ZoeD_Swin2B_N'))
    variant = detect_variant(shapes)
    assert (variant.format, variant.architecture, variant.family) == ('midas', 'relative', 'swin2')
    assert (variant.embed_dim, variant.depth, variant.window) == (128, 24, 24)
    assert str(variant) == (
        'relative depth on a Swin v2 with 24 blocks of 128 to 1024 channels, window size 24'
    )
    unmasked = {k: v for k, v in shapes.items() if not k.endswith('attn_mask')}
    assert detect_variant(unmasked).window is None
    config = dataclasses.replace(tiny_config('NK'), backbone=SWIN)
    own = detect_variant(our_shapes(config))
    assert (own.format, own.architecture, own.family) == ('own', 'NK', 'swin2')
    assert (own.embed_dim, own.depth, own.window) == (16, 9, None)
    assert own.fits(config)


@pytest.mark.parametrize(
    ('shapes', 'message'),
    [
        (
            {'fc.bias': (1000,), 'layer1.conv.weight': (3, 3)},
            r'no tensors of a backbone of this package; its first tensors are fc\.bias, layer1',
        ),
        ({}, '^the file has no tensors$'),
    ],
)
def test_tensors_of_something_else_are_named(shapes, message) -> None:
    with pytest.raises(WeightsError, match=message):
        detect_variant(shapes)
