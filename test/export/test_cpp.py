"""The C++ functions in docs/onnx.md do what the package does."""

import shutil
import subprocess

import docs_pages as pages
import numpy as np
import pytest
import torch

from zoedepth_ros.inference.preprocess import MetricPreprocessing, to_tensor

ROWS, COLUMNS, HEIGHT, WIDTH = 101, 53, 32, 64  # one side shrinks, the other grows
MAIN = f"""
#include <cstdio>
int main(int, char** names) {{
  std::vector<std::uint8_t> rgb({ROWS * COLUMNS * 3});
  std::vector<float> map({HEIGHT * WIDTH});
  std::FILE* in = std::fopen(names[1], "rb");
  if (std::fread(rgb.data(), 1, rgb.size(), in) != rgb.size()) return 1;
  if (std::fread(map.data(), 4, map.size(), in) != map.size()) return 1;
  std::vector<float> image = to_network(rgb.data(), {ROWS}, {COLUMNS}, {HEIGHT}, {WIDTH},
                                         names[3][0] == '1');
  std::vector<float> back = to_image(map, {HEIGHT}, {WIDTH}, {ROWS}, {COLUMNS}, 0.001f,
                                     names[3][0] == '1');
  std::FILE* out = std::fopen(names[2], "wb");
  std::fwrite(image.data(), 4, image.size(), out);
  std::fwrite(back.data(), 4, back.size(), out);
  return std::fclose(out);
}}
"""


@pytest.mark.skipif(shutil.which('g++') is None, reason='needs g++')
@pytest.mark.parametrize('antialias', [False, True])
def test_the_documented_way_in_and_back_is_that_of_the_package(tmp_path, antialias):
    blocks = [b for b in pages.blocks(pages.ROOT / 'docs' / 'onnx.md') if b.language == 'cpp']
    source, program = tmp_path / 'ways.cpp', tmp_path / 'ways'
    source.write_text(blocks[0].text + MAIN)
    compiler = ['g++', '-std=c++17', '-Wall', '-Werror', str(source), '-o', str(program)]
    subprocess.run(compiler, check=True, timeout=240)
    draw = np.random.default_rng(0)
    rgb = draw.integers(0, 256, (ROWS, COLUMNS, 3), np.uint8)
    depth_m = draw.uniform(-0.5, 5.0, (HEIGHT, WIDTH)).astype(np.float32)  # some to be clamped
    given, got = tmp_path / 'in', tmp_path / 'out'
    given.write_bytes(rgb.tobytes() + depth_m.tobytes())
    command = [str(program), str(given), str(got), str(int(antialias))]
    subprocess.run(command, check=True, timeout=240)
    found = np.frombuffer(got.read_bytes(), np.float32)
    image, back = np.split(found, [3 * HEIGHT * WIDTH])
    way = MetricPreprocessing((HEIGHT, WIDTH), antialias)
    expected = way.to_network(to_tensor(rgb, torch.device('cpu')))
    np.testing.assert_allclose(image, expected.numpy().ravel(), atol=2e-5)
    expected = way.to_image_size(torch.from_numpy(depth_m)[None, None], ROWS, COLUMNS)
    assert expected.min() < 0.0
    np.testing.assert_allclose(back, expected.clamp_min(1e-3).numpy().ravel(), atol=2e-5)
