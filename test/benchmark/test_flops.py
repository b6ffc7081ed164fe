"""Operations follow from the shapes, and measured rates are plausible."""

import pytest

from zoedepth_ros.benchmark.flops import attention_flops, image_flops, matmul_tflops
from zoedepth_ros.model.presets import preset


def test_attention_is_two_products_of_all_tokens_with_all_tokens():
    # 64 x 96: 4 x 6 patches and a token more; 4 blocks of 48 channels; 2 products, 2 per step
    assert attention_flops(preset('ZoeD_tiny_NK'), (64, 96)) == 4 * 2 * 2 * 25 * 25 * 48


def test_twice_the_pixels_are_twice_the_operations_outside_attention():
    config = preset('ZoeD_tiny_N')
    every, attention = image_flops(config, (64, 96))
    more, more_attention = image_flops(config, (128, 96))
    assert (more - more_attention) / (every - attention) == pytest.approx(2.0, rel=0.05)
    assert more_attention / attention == pytest.approx(4.0, rel=0.1)


def test_the_linear_layers_of_the_backbone_are_in_the_count():
    config = preset('ZoeD_tiny_N')
    # per block: qkv 3, projection 1, MLP 8 times tokens x 48 x 48
    blocks = 4 * 12 * 2 * 25 * 48 * 48
    every, attention = image_flops(config, (64, 96))
    assert every - attention > blocks


def test_a_rate_is_measured(monkeypatch):
    monkeypatch.setattr('zoedepth_ros.benchmark.flops._SHAPES', ((64, 64, 64),))
    monkeypatch.setattr('zoedepth_ros.benchmark.flops._MIN_DURATION_S', 0.02)
    assert 1e-5 < matmul_tflops('cpu', 'fp32') < 100
