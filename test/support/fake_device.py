"""A device that is the CPU: counts its pinned buffers and synchronisations."""

from __future__ import annotations

import numpy as np
import torch

from zoedepth_ros.inference.result import CloudRequest


def cloud_request(rays, **changes) -> CloudRequest:
    """Return a request for an organized cloud of all pixels; rays: (H, W, 2), or (H, W)."""
    rays = np.zeros((*rays, 2), np.float32) if isinstance(rays, tuple) else rays
    values = {'stride': 1, 'factor': 1.0, 'min_depth_m': 0.0, 'max_depth_m': np.inf,
              'edges': False, 'network_width': 96, 'color': False, 'organized': True}  # fmt: skip
    return CloudRequest(rays, **(values | changes))


class FakeLink:
    """Copy as CudaGraphs does; the memory has arbitrary initial values."""

    def __init__(self) -> None:
        self.finished = 0
        self.pinned_shapes: list[tuple[int, ...]] = []

    def pinned(self, like):
        self.pinned_shapes.append(tuple(like.shape))
        filling = True if like.dtype == torch.bool else 77
        return torch.full(like.shape, filling, dtype=like.dtype)

    def finish(self) -> None:
        self.finished += 1


class FakeGraphs(FakeLink):
    """Replay a graph by computing again into the same memory."""

    def __init__(self) -> None:
        super().__init__()
        self.captured = self.replayed = 0
        self.fail_with: Exception | None = None

    def capture(self, compute, image):
        if self.fail_with is not None:
            raise self.fail_with
        self.captured += 1
        output = compute(image)

        def replay():
            self.replayed += 1
            output.copy_(compute(image))

        return replay, output
