"""The same network as Hugging Face transformers computes it; the only module that imports that."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoedepth_ros.benchmark.sides import Side
from zoedepth_ros.inference.preprocess import OfficialPreprocessing, normalise, to_tensor
from zoedepth_ros.inference.runtimes.runtime import DTYPES, choose_device
from zoedepth_ros.model.backbones.config import BeitConfig
from zoedepth_ros.model.config import BinsConfig, ModelConfig
from zoedepth_ros.model.presets import preset
from zoedepth_ros.weights.convert import to_hugging_face
from zoedepth_ros.weights.read import read_checkpoint

_DATASETS = {'indoor': 'nyu', 'outdoor': 'kitti'}
_INDEX = 'relative_position_index'  # a constant, absent from published files
_RELEASE_5 = (  # what its names of BEiT's tensors have instead, in this order
    ('backbone.embeddings.', 'backbone.beit.embeddings.'),
    ('backbone.encoder.layer.', 'backbone.beit.layers.'),
    ('.attention.attention.relative_position_bias.', '.relative_position_bias.'),
    ('.attention.attention.query.', '.attention.q_proj.'),
    ('.attention.attention.key.', '.attention.k_proj.'),
    ('.attention.attention.value.', '.attention.v_proj.'),
    ('.attention.output.dense.', '.attention.o_proj.'),
    ('.intermediate.dense.', '.mlp.fc1.'),
    ('.output.dense.', '.mlp.fc2.'),
)


class Transformers:
    """Run transformers' ZoeDepth, or with it the protocol of the original code."""

    def __init__(self, side: Side) -> None:
        """Load the side's weights; ValueError for a network that transformers cannot be."""
        self._device = choose_device(side.device)
        allow_tf32(side.tf32)
        config = preset(side.model)
        model = twin(config, side.attention)
        fill(model, dict(read_checkpoint(side.weights).state_dict), config)
        self._dtype = DTYPES[side.precision]
        self._model = model.requires_grad_(False).to(self._device, self._dtype)
        self._official = (
            OfficialPreprocessing(config.image_size, config.size_multiple)
            if side.official_protocol
            else None
        )
        self._facts = {
            'device': str(self._device),
            'precision': side.precision,
            'tf32': str(side.tf32),
            'attention': attention_of(model),
        }

    def facts(self) -> dict[str, str]:
        """Tell device, precision and the attention that was found inside."""
        return self._facts

    @torch.inference_mode()
    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Give the depth [m] of a picture."""
        picture = to_tensor(rgb, self._device)  # (1, 3, H, W)
        depth_m = self._averaged(picture) if self._official else self._depth(normalise(picture))
        return depth_m[0, 0].float().cpu().numpy()

    def batch(self, rgbs: list[NDArray[np.uint8]]) -> None:
        """Refuse: nothing compares batches yet."""
        raise ValueError('batches are measured on our side only')

    def _depth(self, image: Tensor) -> Tensor:
        """Give (1, 1, h, w) of the normalised image (1, 3, h, w)."""
        return self._model(image.to(self._dtype)).predicted_depth[:, None]

    def _averaged(self, picture: Tensor) -> Tensor:
        """Give the mean of two padded passes (1, 1, H, W)."""
        assert self._official is not None
        way, size = self._official, (picture.shape[-2], picture.shape[-1])
        maps = [
            way.to_picture(self._depth(way.to_network(seen)), *size)
            for seen in (picture, picture.flip(-1))
        ]
        return 0.5 * (maps[0] + maps[1].flip(-1))


def allow_tf32(allowed: bool) -> None:
    """Pin whether products of float32 may be rounded to TF32, which differs between releases."""
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def attention_of(model: Any) -> str:
    """Name how the backbone computes attention, and the class that does."""
    kinds = {type(part).__name__ for part in model.backbone.modules()}
    classes = ', '.join(sorted(kind for kind in kinds if kind.endswith('Attention')))
    return f'{model.backbone.config._attn_implementation} ({classes})'


def twin(config: ModelConfig, attention: str) -> Any:
    """Build transformers' ZoeDepth of our settings in eval mode.

    Raises ValueError where it is another network: some of its settings are fixed.
    """
    import transformers

    library: Any = transformers  # untyped in places
    library.utils.logging.set_verbosity_error()
    backbone = config.backbone
    if not isinstance(backbone, BeitConfig) or _differs(config.bins):
        raise ValueError(f'transformers has no network like {config.name}')
    beit = library.BeitConfig(
        image_size=backbone.window[0] * backbone.patch_size,
        patch_size=backbone.patch_size,
        hidden_size=backbone.embed_dim,
        num_hidden_layers=backbone.depth,
        num_attention_heads=backbone.num_heads,
        intermediate_size=int(backbone.embed_dim * backbone.mlp_ratio),
        layer_norm_eps=1e-6,  # as the original; the published files have 1e-12
        use_relative_position_bias=True,
        reshape_hidden_states=False,
        out_features=[f'stage{tap + 1}' for tap in backbone.taps],
        attn_implementation=attention,
    )
    settings = library.ZoeDepthConfig(backbone_config=beit, **_settings(config))
    model = library.ZoeDepthForDepthEstimation._from_config(settings).eval()
    model.backbone.config._attn_implementation = attention  # release 5 asks at every image
    return model


def _differs(bins: BinsConfig) -> bool:
    fixed = BinsConfig()
    return (bins.attractor_strength, bins.min_temperature, bins.max_temperature) != (
        fixed.attractor_strength,
        fixed.min_temperature,
        fixed.max_temperature,
    )


def _settings(config: ModelConfig) -> dict[str, Any]:
    """Return all but the backbone."""
    near_m, far_m = config.heads[-1].depth_range_m or (1e-3, 80.0)
    settings: dict[str, Any] = {
        'neck_hidden_sizes': list(config.backbone.channels),
        'fusion_hidden_size': config.decoder.features,
        'bottleneck_features': config.decoder.features,
        'num_relative_features': config.decoder.relative_features,
        'use_bias_in_fusion_residual': True,
        'num_attractors': [16, 8, 4, 1],  # two heads take the first everywhere
        'bin_embedding_dim': config.bins.embedding_dim,
        'bin_centers_type': config.heads[0].bin_type,
        'bin_configurations': [
            {
                'name': _DATASETS[head.name],
                'n_bins': config.bins.n_bins,
                'min_depth': near_m,
                'max_depth': far_m,
            }
            for head in config.heads
        ],
    }
    if config.router is not None:
        settings |= {
            'num_patch_transformer_layers': config.router.depth,
            'patch_transformer_hidden_size': config.router.embed_dim,
            'patch_transformer_intermediate_size': config.router.feedforward_dim,
            'patch_transformer_num_attention_heads': config.router.num_heads,
        }
    return settings


def fill(model: Any, state_dict: dict[str, Tensor], config: ModelConfig) -> None:
    """Give transformers' network our weights; ValueError where they do not fit."""
    theirs = to_hugging_face(state_dict, config)
    mine = model.state_dict()
    if any(name.startswith('backbone.beit.') for name in mine):
        theirs = {_in_release_5(name): tensor for name, tensor in theirs.items()}
    missing = {name for name in mine.keys() - theirs.keys() if _INDEX not in name}
    unused = {name for name in missing if '.layers.0.residual_layer1.' in name}
    wrong = [name for name in theirs if name not in mine or mine[name].shape != theirs[name].shape]
    if missing - unused or wrong:
        some = ', '.join(sorted([*wrong, *(missing - unused)])[:2])
        raise ValueError(
            f'transformers has no network like {config.name}, or names its tensors otherwise than '
            f'releases 4 and 5 ({some}, …)'
        )
    model.load_state_dict(theirs, strict=False)


def _in_release_5(name: str) -> str:
    if not name.startswith('backbone.'):
        return name
    for old, new in _RELEASE_5:
        name = name.replace(old, new)
    return name
