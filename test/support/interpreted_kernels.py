"""Compare the Triton kernels, run by Triton's interpreter, with the reference network.

A process of its own: Triton reads TRITON_INTERPRET=1 when it is imported.  Prints a line for each
head: architecture, head, height, width, largest relative error of depth and uncertainty.
"""

from __future__ import annotations

import copy
import sys

import torch
from tiny_models import random_image, spread, tiny_config

from zoedepth_ros.model.fused.kernels import BinKernels
from zoedepth_ros.model.fused.network import fused_network
from zoedepth_ros.model.zoedepth import ZoeDepth

CASES = [('K', 'outdoor', 32, 64), ('NK', 'indoor', 64, 32)]

torch.cuda.device = lambda device: device  # type: ignore[assignment,misc]
operators = BinKernels(torch.device('cpu'))
for architecture, head, height, width in CASES:
    reference = ZoeDepth(tiny_config(architecture)).eval().requires_grad_(False)
    spread(reference, 4)
    image = random_image(height, width)
    expected = reference(image, head)[:2]
    assert expected[0].std() > 5e-3 * expected[0].mean()  # something to get wrong
    network = fused_network(copy.deepcopy(reference), torch.float32, operators=operators)
    pairs = zip(network.decode(network.encode(image), head), expected, strict=False)
    error = max(float(((a - b).abs() / b.abs().clamp_min(5e-2)).max()) for a, b in pairs)
    sys.stdout.write(f'{architecture} {head} {height} {width} {error}\n')
