"""Keys in released files: isl-org/ZoeDepth, isl-org/MiDaS v3.1 and Intel/zoedepth-*.

A line of a table is our key and those of the file, or one key for both; * is weight and bias.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from zoedepth_ros.model.backbones.config import BackboneConfig, BeitConfig, LiteConfig, SwinConfig
from zoedepth_ros.model.config import HeadConfig, ModelConfig
from zoedepth_ros.weights.errors import WeightsError
from zoedepth_ros.weights.rules import Rule, first_of_pairs, sources_of, table_rules

DATASET = {'indoor': 'nyu', 'outdoor': 'kitti'}
"""Head -> data set in the keys of files."""

_MIDAS_BLOCK = """
    attn.q_bias
    attn.v_bias
    attn.qkv.weight
    norm1.*
    norm2.*
    attn.proj.*
    mlp.fc1.*
    mlp.fc2.*
"""
_MIDAS_BEIT_BLOCK = f'{_MIDAS_BLOCK} gamma_1 \n gamma_2'
_MIDAS_SWIN_BLOCK = f"""{_MIDAS_BLOCK}
    attn.logit_scale
    attn.cpb_mlp.0.*
    attn.cpb_mlp.2.weight
"""
_MIDAS_REASSEMBLE = """
    readout.0.* 0.project.0.*
    project.*   3.*
    resample.*  4.*
"""
_FUSION = """
    project.*      {project}.*
    refine.conv1.* {unit}2.{conv}1.*
    refine.conv2.* {unit}2.{conv}2.*
"""
_SKIP = """
    refine_skip.conv1.* {unit}1.{conv}1.*
    refine_skip.conv2.* {unit}1.{conv}2.*
"""
_MIDAS_UNITS = {'project': 'out_conv', 'unit': 'resConfUnit', 'conv': 'conv'}
_HUGGING_FACE_UNITS = {'project': 'projection', 'unit': 'residual_layer', 'conv': 'convolution'}
_MIDAS_HEAD = """
    relative_head.conv1.* output_conv.0.*
    relative_head.conv2.* output_conv.2.*
    relative_head.conv3.* output_conv.4.*
"""
_ROUTER_LAYER = """
    project.* self_attn.out_proj.*
    linear1.*
    linear2.*
    norm1.*
    norm2.*
"""
_HUGGING_FACE_BLOCK = """
    gamma_1         lambda_1
    gamma_2         lambda_2
    norm1.*         layernorm_before.*
    norm2.*         layernorm_after.*
    attn.qkv.weight {qkv}.query.weight {qkv}.key.weight {qkv}.value.weight
    attn.q_bias     {qkv}.query.bias
    attn.v_bias     {qkv}.value.bias
    attn.proj.*     attention.output.dense.*
    mlp.fc1.*       intermediate.dense.*
    mlp.fc2.*       output.dense.*
""".replace('{qkv}', 'attention.attention')
_HUGGING_FACE_STAGE = 'neck.fusion_stage.layers'


def official_rules(config: ModelConfig) -> Iterator[Rule]:
    """Yield the rules for a file of ZoeDepth."""
    yield from midas_rules(config, 'core.core.')
    yield from _metric_rules(config, prefix='', convolutions=('_net.0', '_net.2'))
    qkv = 'qkv.* self_attn.in_proj_*'
    yield from _router_rules(config, '', ('0', '2'), 'layers.', qkv)


def official_ignored_keys(config: ModelConfig) -> set[str]:
    """Return keys in a file of ZoeDepth that have no effect."""
    names = midas_ignored_keys(config, 'core.core.')
    for head in config.heads:
        transform = f'conditional_log_binomial{_of_head(config, head)}.log_binomial_transform'
        names |= {f'{transform}.k_idx', f'{transform}.K_minus_1'}
    return names


def midas_rules(config: ModelConfig, prefix: str = '') -> Iterator[Rule]:
    """Yield the rules for a file of MiDaS: backbone, decoder and relative head."""
    scratch = f'{prefix}scratch.'
    yield from _midas_backbone_rules(config.backbone, f'{prefix}pretrained.')
    for level in range(4):
        yield Rule(f'decoder.reduce.{level}.weight', (f'{scratch}layer{level + 1}_rn.weight',))
    stages = [f'{scratch}refinenet{number}.' for number in (4, 3, 2, 1)]
    yield from _fusion_rules(stages, _MIDAS_UNITS)
    yield from table_rules(_MIDAS_HEAD, '', scratch)


def midas_ignored_keys(config: ModelConfig, prefix: str = '') -> set[str]:
    """Return keys in a file of MiDaS that have no effect."""
    unused = sources_of(
        table_rules(_SKIP.format(**_MIDAS_UNITS), '', f'{prefix}scratch.refinenet4.')
    )
    model, backbone = f'{prefix}pretrained.model.', config.backbone
    match backbone:
        case BeitConfig():
            unused |= sources_of(table_rules('fc_norm.* \n head.*', '', model))
            unused |= {
                f'{model}blocks.{block}.attn.relative_position_index'
                for block in range(backbone.depth)
            }
        case SwinConfig():
            unused |= sources_of(table_rules('norm.* \n head.*', '', model))
            constants = ('relative_coords_table', 'relative_position_index', 'k_bias')
            for stage, block in _swin_blocks(backbone):
                theirs = f'{model}layers.{stage}.blocks.{block}.'
                unused |= {f'{theirs}attn_mask', *(f'{theirs}attn.{name}' for name in constants)}
    return unused


def hugging_face_rules(config: ModelConfig) -> Iterator[Rule]:
    """Yield the rules for a file of transformers' ZoeDepth.

    Raises WeightsError for a backbone other than BEiT.
    """
    if not isinstance(config.backbone, BeitConfig):
        raise WeightsError(
            f'Hugging Face files have BEiT backbones only, {config.name} has another backbone'
        )
    embeddings, reassemble = 'backbone.embeddings.', 'neck.reassemble_stage.'
    yield Rule('backbone.cls_token', (f'{embeddings}cls_token',))
    patches = 'patch_embed.* patch_embeddings.projection.*'
    yield from table_rules(patches, 'backbone.', embeddings)
    for block in range(config.backbone.depth):
        ours, theirs = f'backbone.blocks.{block}.', f'backbone.encoder.layer.{block}.'
        yield from table_rules(_HUGGING_FACE_BLOCK, ours, theirs)
        bias = 'attention.attention.relative_position_bias.relative_position_bias_table'
        yield Rule(f'backbone.position_tables.{block}', (f'{theirs}{bias}',))
    for level in range(4):
        table = f'readout.0.* readout_projects.{level}.0.*\n project.* layers.{level}.projection.*'
        if level != 2:
            table += f'\n resample.* layers.{level}.resize.*'
        yield from table_rules(table, f'backbone.reassemble.{level}.', reassemble)
        yield Rule(f'decoder.reduce.{level}.weight', (f'neck.convs.{level}.weight',))
    stages = [f'{_HUGGING_FACE_STAGE}.{level}.' for level in range(4)]
    yield from _fusion_rules(stages, _HUGGING_FACE_UNITS)
    yield from table_rules('conv1.* \n conv2.* \n conv3.*', 'relative_head.', 'relative_head.')
    yield from _metric_rules(config, prefix='metric_head.', convolutions=('conv1', 'conv2'))
    qkv = 'qkv.* self_attn.query.* self_attn.key.* self_attn.value.*'
    yield from _router_rules(config, 'metric_head.', ('linear1', 'linear2'), '', qkv)


def hugging_face_ignored_keys() -> set[str]:
    """Return keys in such a file that have no effect."""
    skip = _SKIP.format(**_HUGGING_FACE_UNITS)
    return sources_of(table_rules(skip, '', f'{_HUGGING_FACE_STAGE}.0.'))


def _midas_backbone_rules(config: BackboneConfig, encoder: str) -> Iterator[Rule]:
    model = f'{encoder}model.'
    if isinstance(config, LiteConfig):
        return  # the published files of MiDaS v3.1 have no such backbone
    yield from table_rules('patch_embed.* patch_embed.proj.*', 'backbone.', model)
    if isinstance(config, BeitConfig):
        yield Rule('backbone.cls_token', (f'{model}cls_token',))
        for block in range(config.depth):
            ours, theirs = f'backbone.blocks.{block}.', f'{model}blocks.{block}.'
            yield from table_rules(_MIDAS_BEIT_BLOCK, ours, theirs)
            bias = f'{theirs}attn.relative_position_bias_table'
            yield Rule(f'backbone.position_tables.{block}', (bias,))
        for level in range(4):
            ours, theirs = f'backbone.reassemble.{level}.', f'{encoder}act_postprocess{level + 1}.'
            for rule in table_rules(_MIDAS_REASSEMBLE, ours, theirs):
                if not (level == 2 and 'resample' in rule.target):
                    yield rule
        return
    yield from table_rules('patch_norm.* patch_embed.norm.*', 'backbone.', model)
    for stage, block in _swin_blocks(config):
        ours, theirs = f'backbone.stages.{stage}.', f'{model}layers.{stage}.'
        yield from table_rules(
            _MIDAS_SWIN_BLOCK, f'{ours}blocks.{block}.', f'{theirs}blocks.{block}.'
        )
    for stage in (1, 2, 3):
        # Downsampling is the first layer of a stage here, the last of the previous one there.
        ours, theirs = f'backbone.stages.{stage}.', f'{model}layers.{stage - 1}.'
        yield from table_rules('downsample.reduction.weight \n downsample.norm.*', ours, theirs)


def _swin_blocks(config: SwinConfig) -> Iterator[tuple[int, int]]:
    for stage, depth in enumerate(config.depths):
        for block in range(depth):
            yield stage, block


def _fusion_rules(stages: Sequence[str], units: Mapping[str, str]) -> Iterator[Rule]:
    """Yield the rules of the decoder; stages: prefixes in the file, the coarsest first."""
    fusion, skip = (table.format(**units) for table in (_FUSION, _SKIP))
    yield from table_rules(fusion, 'decoder.coarsest.', stages[0])
    for index, theirs in enumerate(stages[1:]):
        yield from table_rules(fusion + skip, f'decoder.fusions.{index}.', theirs)


def _router_rules(
    config: ModelConfig, prefix: str, classify: tuple[str, str], layers: str, qkv: str
) -> Iterator[Rule]:
    """Yield the rules for the router, if there is one.

    prefix: of every key in the file.  classify: names of the two layers of the classifier.
    layers: between encoder and number of a layer.  qkv: line of the table of a layer.
    """
    if config.router is None:
        return
    classifier = (
        f'classify.{i}.* mlp_classifier.{n}.*' for i, n in zip((0, 2), classify, strict=True)
    )
    table = '\n'.join(('embed.* patch_transformer.embedding_convPxP.*', *classifier))
    yield from table_rules(table, 'router.', prefix)
    for index in range(config.router.depth):
        layer = f'{prefix}patch_transformer.transformer_encoder.{layers}{index}.'
        yield from table_rules(f'{_ROUTER_LAYER}{qkv}', f'router.layers.{index}.', layer)


def _metric_rules(
    config: ModelConfig, *, prefix: str, convolutions: tuple[str, str]
) -> Iterator[Rule]:
    """Yield the rules for bottleneck, embeddings and heads, which both releases name alike.

    prefix: of every key in the file.  convolutions: names of the two convolutions of a projector,
    a seed regressor or an attractor.
    """
    first, second = (
        f'{index}.* {name}.*' for index, name in zip((0, 2), convolutions, strict=True)
    )
    mlp = f'{first}\n{second}'
    yield from table_rules('bottleneck.* conv2.*', '', prefix)
    yield from table_rules(mlp, 'embeddings.seed.', f'{prefix}seed_projector.')
    for level in range(4):
        ours, theirs = f'embeddings.levels.{level}.', f'{prefix}projectors.{level}.'
        yield from table_rules(mlp, ours, theirs)
    for head in config.heads:
        ours, name = f'heads.{head.name}.', _of_head(config, head)
        seeds = f'{prefix}seed_bin_regressor{"s" if name else ""}{name}.'
        yield from table_rules(mlp, f'{ours}seeds.', seeds)
        # Normed bins have pairs of attractors; the second of each has no effect.
        pairs = {'merge': first_of_pairs} if head.bin_type == 'normed' else {}
        for level in range(4):
            attractor, theirs = (
                f'{ours}attractors.{level}.mlp.',
                f'{prefix}attractors{name}.{level}.',
            )
            yield from table_rules(first, attractor, theirs)
            yield from table_rules(second, attractor, theirs, **pairs)
        binomial = f'{prefix}conditional_log_binomial{name}.mlp.'
        yield from table_rules('hidden.* 0.* \n output.* 2.*', f'{ours}distribution.', binomial)


def _of_head(config: ModelConfig, head: HeadConfig) -> str:
    """Return the suffix of a head in keys of the file: '' for a single head, else '.nyu'."""
    return f'.{DATASET[head.name]}' if config.router is not None else ''
