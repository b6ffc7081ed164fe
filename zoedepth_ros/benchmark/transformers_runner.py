"""The network in Hugging Face transformers; the only module that imports it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoedepth_ros.benchmark.implementations import Implementation
from zoedepth_ros.inference.devices import DTYPES, choose_device
from zoedepth_ros.inference.preprocess import OfficialPreprocessing, normalise, to_tensor
from zoedepth_ros.model.backbones.config import BeitConfig
from zoedepth_ros.model.config import BinsConfig, ModelConfig
from zoedepth_ros.model.presets import preset
from zoedepth_ros.weights.convert import to_hugging_face
from zoedepth_ros.weights.names import DATASET
from zoedepth_ros.weights.read import read_checkpoint

_INDEX = 'relative_position_index'  # a constant that published files do not contain
_RELEASE_5 = (  # new names of BEiT's tensors, replaced in this order
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


class TransformersRunner:
    """Run ZoeDepth of transformers, optionally with the protocol of the original code."""

    def __init__(self, implementation: Implementation) -> None:
        """Load the weights; ValueError for a network that transformers does not have."""
        self._device = choose_device(implementation.device)
        allow_tf32(implementation.tf32)
        config = preset(implementation.model)
        model = build_model(config, implementation.attention)
        load_weights(model, dict(read_checkpoint(implementation.weights).state_dict), config)
        self._dtype = DTYPES[implementation.precision]
        self._model = model.requires_grad_(False).to(self._device, self._dtype)
        self._official = (
            OfficialPreprocessing(config.image_size, config.size_multiple)
            if implementation.official_protocol
            else None
        )
        self._facts = {
            'device': str(self._device),
            'precision': implementation.precision,
            'tf32': str(implementation.tf32),
            'attention': attention_of(model),
        }

    def facts(self) -> dict[str, str]:
        """Return device, precision and the attention implementation."""
        return self._facts

    @torch.inference_mode()
    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the depth [m] of an image."""
        image = to_tensor(rgb, self._device)  # (1, 3, H, W)
        depth_m = self._averaged(image) if self._official else self._depth(normalise(image))
        return depth_m[0, 0].float().cpu().numpy()

    def _depth(self, image: Tensor) -> Tensor:
        """Return the depth (1, 1, h, w) [m] of a normalised image (1, 3, h, w)."""
        return self._model(image.to(self._dtype)).predicted_depth[:, None]

    def _averaged(self, image: Tensor) -> Tensor:
        """Return the mean (1, 1, H, W) [m] of two padded passes, one of the mirrored image."""
        assert self._official is not None
        official, size = self._official, (image.shape[-2], image.shape[-1])
        maps = [
            official.to_image_size(self._depth(official.to_network(one)), *size)
            for one in (image, image.flip(-1))
        ]
        return 0.5 * (maps[0] + maps[1].flip(-1))


def allow_tf32(allowed: bool) -> None:
    """Set whether float32 products may use TF32; the default differs between torch releases."""
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def attention_of(model: Any) -> str:
    """Return the attention implementation of the backbone and its class."""
    kinds = {type(part).__name__ for part in model.backbone.modules()}
    classes = ', '.join(sorted(kind for kind in kinds if kind.endswith('Attention')))
    return f'{model.backbone.config._attn_implementation} ({classes})'


def build_model(config: ModelConfig, attention: str) -> Any:
    """Build ZoeDepth of transformers with our settings, in eval mode.

    Raises ValueError if it cannot be the same network: some of its settings are fixed.
    """
    import transformers

    library: Any = transformers  # partly untyped
    library.utils.logging.set_verbosity_error()
    backbone = config.backbone
    if not isinstance(backbone, BeitConfig) or _differs(config.bins):
        raise ValueError(f'the library transformers has no network like {config.name}')
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
    model.backbone.config._attn_implementation = attention  # release 5 reads it for every image
    return model


def _differs(bins: BinsConfig) -> bool:
    fixed = BinsConfig()
    return (bins.attractor_strength, bins.min_temperature, bins.max_temperature) != (
        fixed.attractor_strength,
        fixed.min_temperature,
        fixed.max_temperature,
    )


def _settings(config: ModelConfig) -> dict[str, Any]:
    """Return all settings except the backbone."""
    near_m, far_m = config.heads[-1].depth_range_m or (1e-3, 80.0)
    settings: dict[str, Any] = {
        'neck_hidden_sizes': list(config.backbone.channels),
        'fusion_hidden_size': config.decoder.features,
        'bottleneck_features': config.decoder.features,
        'num_relative_features': config.decoder.relative_features,
        'use_bias_in_fusion_residual': True,
        'num_attractors': [16, 8, 4, 1],  # with two heads, all use the first
        'bin_embedding_dim': config.bins.embedding_dim,
        'bin_centers_type': config.heads[0].bin_type,
        'bin_configurations': [
            {
                'name': DATASET[head.name],
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


def load_weights(model: Any, state_dict: dict[str, Tensor], config: ModelConfig) -> None:
    """Load our weights into the model of transformers; ValueError if they do not match."""
    renamed = to_hugging_face(state_dict, config)
    expected = model.state_dict()
    if any(name.startswith('backbone.beit.') for name in expected):
        renamed = {_in_release_5(name): tensor for name, tensor in renamed.items()}
    missing = {name for name in expected.keys() - renamed.keys() if _INDEX not in name}
    unused = {name for name in missing if '.layers.0.residual_layer1.' in name}
    wrong = [
        name
        for name in renamed
        if name not in expected or expected[name].shape != renamed[name].shape
    ]
    if missing - unused or wrong:
        some = ', '.join(sorted([*wrong, *(missing - unused)])[:2])
        raise ValueError(
            f'the library transformers has no network like {config.name}, or it is neither '
            f'release 4 nor 5: these tensors of the two networks do not match: {some}, …'
        )
    model.load_state_dict(renamed, strict=False)


def _in_release_5(name: str) -> str:
    if not name.startswith('backbone.'):
        return name
    for old, new in _RELEASE_5:
        name = name.replace(old, new)
    return name
