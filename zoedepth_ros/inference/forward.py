"""The forward pass on the device: preprocess images, run the network, resize its maps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from zoedepth_ros.inference.preprocess import Preprocessing, from_pixels
from zoedepth_ros.inference.runtimes.optimize import OptimizedNetwork
from zoedepth_ros.model.backbones.features import Prepared

SceneProbabilities = dict[str, float]
"""Head -> probability by the router; {} without a router."""


class ForwardPass:
    """A network with its preprocessing and its constants for the last image size."""

    def __init__(
        self, network: OptimizedNetwork, preprocessing: Preprocessing, flip_augmentation: bool
    ) -> None:
        """flip_augmentation: average with the prediction for the mirrored image."""
        self.network, self.preprocessing = network, preprocessing
        self.heads = network.config.head_names
        self.flip_augmentation = flip_augmentation
        self.prepared: Prepared | None = None

    def encode(self, inputs: Tensor) -> Any:
        """Compute the shared features of network inputs (B, 3, h, w); caches the constants."""
        size = (inputs.shape[-2], inputs.shape[-1])
        if self.prepared is None or self.prepared.size != size:
            self.prepared = None  # frees up to a gigabyte before the next is allocated
            self.prepared = self.network.prepare(*size)
        return self.network.encode(inputs, self.prepared)

    def maps(self, features: Any, head: str) -> Tensor:
        """Return depth [m], uncertainty [m] and relative depth: (B, 3, h, w)."""
        return torch.cat(self.network.decode(features, head)[:3], dim=1)

    def scene_probabilities(self, features: Any) -> list[SceneProbabilities]:
        """Run the router; one result per image."""
        if len(self.heads) == 1:
            return [{} for _ in features.seed]
        batch = self.network.route(features).softmax(dim=1).tolist()
        return [dict(zip(self.heads, row, strict=True)) for row in batch]

    def likeliest_head(self, probabilities: SceneProbabilities) -> str:
        """Return the head with the highest probability, or the only head."""
        return max(self.heads, key=lambda head: probabilities.get(head, 0.0))

    def to_image_size(self, image: Tensor, maps: Tensor, head: str) -> Tensor:
        """Resize maps (B, n, h, w) to the size of their images (B, 3, H, W): (B, n, H, W).

        With flip_augmentation, average them with the maps of the mirrored image.
        """
        size = (image.shape[-2], image.shape[-1])
        resized = self.preprocessing.to_image_size(maps, *size)
        if self.flip_augmentation:
            mirrored = self.maps(self.encode(self.preprocessing.to_network(image.flip(-1))), head)
            mirrored = mirrored[:, : maps.shape[1]]
            mirrored = self.preprocessing.to_image_size(mirrored, *size).flip(-1)
            resized = 0.5 * (resized + mirrored)
        return resized

    def all_outputs(self, pixels: Tensor, head: str) -> Tensor:
        """Compute all outputs for images (B, H, W, 3) uint8, without synchronisation.

        Returns a flat float32 tensor: depth [m] (B, H, W), the probability of each head (B, heads)
        if there are several, for each image 1 if all maps are finite, else 0, uncertainty [m]
        (B, H, W) and relative depth (B, H, W).
        """
        images = from_pixels(pixels)
        features = self.encode(self.preprocessing.to_network(images))
        maps = self.maps(features, head)
        finite = torch.isfinite(maps.sum(dim=(1, 2, 3))).float()
        depth_m, *others = self.to_image_size(images, maps, head).unbind(1)  # (B, H, W) each
        several = len(self.heads) > 1
        routed = [self.network.route(features).softmax(dim=1)] if several else []
        return torch.cat([part.flatten() for part in (depth_m, *routed, finite, *others)])
