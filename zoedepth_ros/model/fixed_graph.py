"""The network as a graph with a fixed input size, for other runtimes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from zoedepth_ros.model.zoedepth import ZoeDepth


class FixedGraph(nn.Module):
    """One or all heads of a network for images of one size, without data-dependent control flow.

    Position biases, which depend on the size alone, are constants.
    """

    def __init__(self, network: ZoeDepth, heads: tuple[str, ...], size: tuple[int, int]) -> None:
        """size: height and width of the input [px].  Raises ValueError for an invalid size."""
        super().__init__()
        self.network = network
        self.heads = heads
        self.size = size
        self.prepared = network.prepare(*size)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs; with several heads, those of a head end with its name."""
        several = len(self.heads) > 1
        maps = [
            f'{name}_{head}' if several else name
            for head in self.heads
            for name in ('depth_m', 'uncertainty_m')
        ]
        router = ('router_logits',) if self.network.router is not None else ()
        return (*maps, 'relative_depth', *router)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs (1, 1, H, W), then (1, heads of the network), of image (1, 3, H, W).

        image: normalised with mean 0.5 and standard deviation 0.5.
        """
        features = self.network.encode(image, self.prepared)
        outputs: list[Tensor] = []
        for head in self.heads:
            prediction = self.network.decode(features, head)
            outputs += [prediction.depth_m, prediction.uncertainty_m]
        outputs.append(features.relative_depth)
        if self.network.router is not None:
            outputs.append(self.network.route(features))
        return tuple(outputs)

    def example(self) -> Tensor:
        """Return a grey image (1, 3, H, W)."""
        return torch.zeros(1, 3, *self.size)

    def run(self, image: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return the outputs by name for an image (1, 3, H, W)."""
        with torch.inference_mode():
            outputs = self(torch.from_numpy(image))
        return {n: x.numpy() for n, x in zip(self.output_names, outputs, strict=True)}
