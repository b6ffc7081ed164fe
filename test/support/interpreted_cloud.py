"""Compare the Triton kernels of clouds, run by Triton's interpreter, with the operators of torch.

A process of its own: Triton reads TRITON_INTERPRET=1 when it is imported.  Prints a line for each
case: rows, columns, stride, number of points, number of numbers that differ.
"""

from __future__ import annotations

import itertools
import math
import sys

import numpy as np
import torch

from zoedepth_ros.inference import cloud_kernels, device_cloud
from zoedepth_ros.inference.result import CloudRequest

SIZES = [(48, 65), (3, 40), (40, 3), (2, 5), (1, 1)]

torch.cuda.device = lambda device: device  # type: ignore[assignment,misc]
device_cloud.check(cloud_kernels.pack, torch.device('cpu'))
torch.manual_seed(0)
for (height, width), stride, flags in itertools.product(SIZES, (1, 3), range(8)):
    edges, color, organized = (bool(flags & bit) for bit in (1, 2, 4))
    depth_m = (0.3 * torch.randn(height, width).cumsum(1)).exp()
    depth_m[torch.rand(height, width) < 0.1] = math.nan
    depth_m[torch.rand(height, width) < 0.1] = math.inf
    few = depth_m[stride // 2 :: stride, stride // 2 :: stride]
    colors = torch.randint(256, (height, width, 3), dtype=torch.uint8)
    suppressed = torch.rand(few.shape) < 0.2 if color else None
    at = CloudRequest(
        rays=np.zeros((*few.shape, 2), np.float32), stride=stride, factor=1.0, min_depth_m=0.2,
        max_depth_m=3.0 if edges else math.inf, edges=edges, network_width=128, color=color,
        organized=organized,
    )  # fmt: skip
    planes = torch.randn(2, *few.shape)
    planes[:, torch.rand(few.shape) < 0.1] = math.nan  # pixels without a ray
    arrays = (depth_m, colors, planes, suppressed, at)
    found, expected = cloud_kernels.pack(*arrays), device_cloud.pack_with_torch(*arrays)
    number = int(torch.isfinite(expected.view(torch.float32)[..., 2]).sum())
    if not organized:
        number = int(expected[-1, 0])
        assert found[-1, 0] == number
        found, expected = found[:number], expected[:number]
    ours, theirs = (np.nan_to_num(x.numpy().view(np.float32)[..., :3]) for x in (found, expected))
    colors_differ = int((found[..., 3] != expected[..., 3]).sum())
    differing = int((ours != theirs).sum()) + colors_differ
    sys.stdout.write(f'{height} {width} {stride} {number} {differing}\n')
