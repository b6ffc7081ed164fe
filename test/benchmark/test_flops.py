"""Operations follow from the shapes, and measured rates are plausible."""

from zoedepth_ros.benchmark.flops import image_flops, matmul_tflops
from zoedepth_ros.model.presets import preset


def test_the_linear_layers_of_the_backbone_are_in_the_count():
    config = preset('ZoeD_tiny_N')
    # per block: qkv 3, projection 1, MLP 8 times tokens x 48 x 48
    blocks = 4 * 12 * 2 * 25 * 48 * 48
    # attention: 2 products in 4 blocks of 25 x 25 tokens x 48
    attention = 4 * 2 * 2 * 25 * 25 * 48
    assert image_flops(config, (64, 96)) - attention > blocks


def test_a_rate_is_measured(monkeypatch):
    monkeypatch.setattr('zoedepth_ros.benchmark.flops._SHAPES', ((64, 64, 64),))
    monkeypatch.setattr('zoedepth_ros.benchmark.flops._MIN_DURATION_S', 0.02)
    assert 1e-5 < matmul_tflops('cpu', 'fp32') < 100
