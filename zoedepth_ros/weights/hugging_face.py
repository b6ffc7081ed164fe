"""Keys in the safetensors of the Intel/zoedepth-* repositories."""

from __future__ import annotations

from collections.abc import Iterator

from zoedepth_ros.model.backbones.config import BeitConfig
from zoedepth_ros.model.config import ModelConfig
from zoedepth_ros.weights.errors import WeightsError
from zoedepth_ros.weights.rules import Rule, layer, metric_rules, stacked


def hugging_face_rules(config: ModelConfig) -> Iterator[Rule]:
    """Yield the rules for a file of transformers' ZoeDepth.

    Raises WeightsError for a backbone other than BEiT.
    """
    if not isinstance(config.backbone, BeitConfig):
        raise WeightsError(f'this format has BEiT backbones only, {config.name} has another')
    yield from _backbone_rules(config.backbone)
    yield from _decoder_rules()
    yield from metric_rules(config, prefix='metric_head.', convolutions=('conv1', 'conv2'))
    if config.router is not None:
        yield from _router_rules(config.router.depth)


def hugging_face_ignored_keys() -> set[str]:
    """Return keys in such a file that have no effect."""
    unit = 'neck.fusion_stage.layers.0.residual_layer1'
    return {f'{unit}.convolution{i}.{part}' for i in (1, 2) for part in ('weight', 'bias')}


def _backbone_rules(config: BeitConfig) -> Iterator[Rule]:
    embeddings = 'backbone.embeddings'
    yield Rule('backbone.cls_token', (f'{embeddings}.cls_token',))
    yield from layer('backbone.patch_embed', f'{embeddings}.patch_embeddings.projection')
    for block in range(config.depth):
        yield from _block_rules(block)
    stage = 'neck.reassemble_stage'
    for level in range(4):
        ours = f'backbone.reassemble.{level}'
        yield from layer(f'{ours}.readout.0', f'{stage}.readout_projects.{level}.0')
        yield from layer(f'{ours}.project', f'{stage}.layers.{level}.projection')
        if level != 2:
            yield from layer(f'{ours}.resample', f'{stage}.layers.{level}.resize')


def _block_rules(block: int) -> Iterator[Rule]:
    ours, theirs = f'backbone.blocks.{block}', f'backbone.encoder.layer.{block}'
    attention = f'{theirs}.attention.attention'
    for name in ('1', '2'):
        yield Rule(f'{ours}.gamma_{name}', (f'{theirs}.lambda_{name}',))
    yield from layer(f'{ours}.norm1', f'{theirs}.layernorm_before')
    yield from layer(f'{ours}.norm2', f'{theirs}.layernorm_after')
    parts = tuple(f'{attention}.{name}.weight' for name in ('query', 'key', 'value'))
    yield Rule(f'{ours}.attn.qkv.weight', parts, stacked)
    yield Rule(f'{ours}.attn.q_bias', (f'{attention}.query.bias',))
    yield Rule(f'{ours}.attn.v_bias', (f'{attention}.value.bias',))
    table = f'{attention}.relative_position_bias.relative_position_bias_table'
    yield Rule(f'backbone.position_tables.{block}', (table,))
    yield from layer(f'{ours}.attn.proj', f'{theirs}.attention.output.dense')
    yield from layer(f'{ours}.mlp.fc1', f'{theirs}.intermediate.dense')
    yield from layer(f'{ours}.mlp.fc2', f'{theirs}.output.dense')


def _decoder_rules() -> Iterator[Rule]:
    for level in range(4):
        yield Rule(f'decoder.reduce.{level}.weight', (f'neck.convs.{level}.weight',))
        ours = 'decoder.coarsest' if level == 0 else f'decoder.fusions.{level - 1}'
        theirs = f'neck.fusion_stage.layers.{level}'
        yield from layer(f'{ours}.project', f'{theirs}.projection')
        yield from _unit_rules(f'{ours}.refine', f'{theirs}.residual_layer2')
        if level > 0:
            yield from _unit_rules(f'{ours}.refine_skip', f'{theirs}.residual_layer1')
    for index in (1, 2, 3):
        yield from layer(f'relative_head.conv{index}', f'relative_head.conv{index}')


def _unit_rules(ours: str, theirs: str) -> Iterator[Rule]:
    for index in (1, 2):
        yield from layer(f'{ours}.conv{index}', f'{theirs}.convolution{index}')


def _router_rules(depth: int) -> Iterator[Rule]:
    transformer = 'metric_head.patch_transformer'
    yield from layer('router.embed', f'{transformer}.embedding_convPxP')
    for index in range(depth):
        ours, theirs = f'router.layers.{index}', f'{transformer}.transformer_encoder.{index}'
        parts = (f'{theirs}.self_attn.{name}' for name in ('query', 'key', 'value'))
        yield from layer(f'{ours}.qkv', *parts, merge=stacked)
        yield from layer(f'{ours}.project', f'{theirs}.self_attn.out_proj')
        for name in ('linear1', 'linear2', 'norm1', 'norm2'):
            yield from layer(f'{ours}.{name}', f'{theirs}.{name}')
    yield from layer('router.classify.0', 'metric_head.mlp_classifier.linear1')
    yield from layer('router.classify.2', 'metric_head.mlp_classifier.linear2')
