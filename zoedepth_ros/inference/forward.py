"""What is computed of a picture on the device: the network with the way there and back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from zoedepth_ros.inference.preprocess import Preprocessing, from_pixels
from zoedepth_ros.inference.runtimes.optimize import OptimizedNetwork
from zoedepth_ros.model.backbone import Prepared

Verdict = dict[str, float]


class Pipeline:
    """A network, how pictures reach it, and its constants for the last picture size."""

    def __init__(
        self, network: OptimizedNetwork, way: Preprocessing, flip_augmentation: bool
    ) -> None:
        """flip_augmentation: average with the prediction for the mirrored picture."""
        self.network, self.way = network, way
        self.heads = network.config.head_names
        self.flip_augmentation = flip_augmentation
        self.prepared: Prepared | None = None

    def encode(self, image: Tensor) -> Any:
        """Run what the heads share, with the constants of this size made once."""
        size = (image.shape[-2], image.shape[-1])
        if self.prepared is None or self.prepared.size != size:
            self.prepared = None  # a gigabyte for the big networks: never hold two
            self.prepared = self.network.prepare(*size)
        return self.network.encode(image, self.prepared)

    def maps(self, features: Any, head: str) -> Tensor:
        """Give depth [m], uncertainty [m] and relative depth: (B, 3, h, w)."""
        return torch.cat(self.network.decode(features, head)[:3], dim=1)

    def verdicts(self, features: Any) -> list[Verdict]:
        """Give the router's probabilities for each picture; {} without a router."""
        if len(self.heads) == 1:
            return [{} for _ in features.seed]
        shares = self.network.route(features).softmax(dim=1).tolist()
        return [dict(zip(self.heads, own, strict=True)) for own in shares]

    def favourite(self, verdict: Verdict) -> str:
        """Give the likeliest head, the only one without a router."""
        return max(self.heads, key=lambda head: verdict.get(head, 0.0))

    def to_picture(self, picture: Tensor, maps: Tensor, head: str) -> Tensor:
        """Bring maps (1, 3, h, w) to the size of a picture (1, 3, H, W): (3, H, W).

        With flip_augmentation the mean with the maps of the mirrored picture.
        """
        size = (picture.shape[-2], picture.shape[-1])
        own = self.way.to_picture(maps, *size)
        if self.flip_augmentation:
            mirrored = self.maps(self.encode(self.way.to_network(picture.flip(-1))), head)
            own = 0.5 * (own + self.way.to_picture(mirrored, *size).flip(-1))
        return own[0]

    def everything(self, pixels: Tensor, head: str) -> Tensor:
        """Compute all that is told of a picture (H, W, 3) uint8, without waiting for anything.

        Returns a flat float32 tensor: maps (3, H, W), the router's probability of each head where
        there are several, and 1 where all maps are finite.
        """
        picture = from_pixels(pixels)
        features = self.encode(self.way.to_network(picture))
        maps = self.maps(features, head)
        finite = torch.isfinite(maps.sum()).float()
        parts = [self.to_picture(picture, maps, head).flatten()]
        if len(self.heads) > 1:
            parts.append(self.network.route(features)[0].softmax(dim=0))
        return torch.cat([*parts, finite[None]])
