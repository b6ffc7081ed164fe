"""From a picture to its depth: the network with everything around it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoedepth_ros.inference.failures import named_failures
from zoedepth_ros.inference.preprocess import MetricPreprocessing, Preprocessing, Size, to_tensor
from zoedepth_ros.inference.result import AUTO, DepthResult, NotFinite, check_head, check_rgb
from zoedepth_ros.inference.runtime import DTYPES
from zoedepth_ros.model.backbone import Prepared
from zoedepth_ros.model.zoedepth import Features, ZoeDepth

MIN_DEPTH_M = 1e-3  # the nearest depth the networks were trained and evaluated with


class TorchPredictor:
    """Run a network on pictures; implements BatchPredictor.

    The network is moved to the device and, where it bears it, to the precision.  Calls are not to
    overlap; the number of threads is left to the caller.
    """

    def __init__(
        self,
        model: ZoeDepth,
        preprocessing: Preprocessing,
        *,
        device: torch.device,
        precision: str,
        flip_augmentation: bool = False,
        weights_origin: str = '',
        trained_on: str = '',
        training_hfov_rad: float = 0.0,
    ) -> None:
        """Take a network and how pictures reach it.

        precision: 'fp32', 'bf16' or 'fp16'.  flip_augmentation: average with the prediction for
        the mirrored picture, at twice the time.  training_hfov_rad: see DepthPredictor.
        """
        with named_failures(str(device)):
            model.eval().requires_grad_(False).to(device)
            if precision != 'fp32':
                model.half_precision(DTYPES[precision])
        self.model_name = model.config.name
        self.heads = model.config.head_names
        self.device = str(device)
        self.precision = precision
        self.weights_origin = weights_origin
        self.trained_on = trained_on
        self.training_hfov_rad = training_hfov_rad
        self.preprocess_ms = math.nan
        self._model = model
        self._preprocessing = preprocessing
        self._device = device
        self._flip_augmentation = flip_augmentation
        self._prepared: Prepared | None = None

    @property
    def device_memory_mb(self) -> float:
        """Memory that torch holds on a CUDA device [MB]; NaN on the CPU."""
        on_cuda = self._device.type == 'cuda'
        return 1e-6 * torch.cuda.memory_reserved(self._device) if on_cuda else math.nan

    def network_size(self, height: int, width: int) -> Size:
        """Give the (height, width) that a picture of this size has inside the network."""
        return self._preprocessing.network_size(height, width)

    def warm_up(self, height: int, width: int) -> None:
        """Run once on a grey picture of this size, with every head."""
        grey = np.full((height, width, 3), 128, np.uint8)
        for head in self.heads:
            self(grey, head)

    def __call__(
        self, rgb: NDArray[np.uint8], head: str = AUTO, *, route: bool = True
    ) -> DepthResult:
        """Predict the depth of one picture; see DepthPredictor.

        PARITY: the original adds a verdict of its own for the mirrored picture and may average
        two different heads; here the verdict on the picture itself holds for both
        (test_predictor.py).
        """
        check_rgb(rgb)
        check_head(head, self.heads)
        way = self._preprocessing
        size = (rgb.shape[0], rgb.shape[1])
        with torch.inference_mode(), named_failures(self.device):
            start_s = time.perf_counter()
            picture = to_tensor(rgb, self._device)  # (1, 3, H, W)
            image = way.to_network(picture)
            if self._device.type == 'cpu':  # elsewhere this has only been asked for
                self.preprocess_ms = 1e3 * (time.perf_counter() - start_s)
            features = self._encode(image)
            verdict = self._verdict(features) if route or head == AUTO else {}
            used = head if head != AUTO else self._favourite(verdict)
            maps = way.to_picture(self._maps(features, used), *size)
            if self._flip_augmentation:
                mirrored = self._encode(way.to_network(picture.flip(-1)))
                again = way.to_picture(self._maps(mirrored, used), *size)
                maps = 0.5 * (maps + again.flip(-1))
            own = maps[0].cpu().numpy()
        return _result(own, used, verdict)

    def predict_batch(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        heads: Sequence[str],
        *,
        routes: Sequence[bool],
    ) -> list[DepthResult]:
        """Predict several pictures, in one run where they have one size in the network.

        See BatchPredictor.
        """
        way = self._preprocessing
        sizes = [(rgb.shape[0], rgb.shape[1]) for rgb in pictures]
        together = len({way.network_size(*size) for size in sizes}) == 1
        if len(pictures) < 2 or not together or self._flip_augmentation:
            asked = zip(pictures, heads, routes, strict=True)
            return [self(rgb, head, route=route) for rgb, head, route in asked]
        for rgb, head in zip(pictures, heads, strict=True):
            check_rgb(rgb)
            check_head(head, self.heads)
        with torch.inference_mode(), named_failures(self.device):
            start_s = time.perf_counter()
            images = [way.to_network(to_tensor(rgb, self._device)) for rgb in pictures]
            if self._device.type == 'cpu':
                self.preprocess_ms = 1e3 * (time.perf_counter() - start_s)
            features = self._encode(torch.cat(images))  # (B, 3, h, w)
            verdicts = self._verdicts(features)
            wanted = [head if head != AUTO else self._favourite(verdict)
                      for head, verdict in zip(heads, verdicts, strict=True)]  # fmt: skip
            maps = self._maps_by_head(features, wanted, sizes)
        return [
            _result(own, used, verdict if route or head == AUTO else {})
            for own, used, verdict, head, route in zip(
                maps, wanted, verdicts, heads, routes, strict=True
            )
        ]

    def predict_network_resolution(
        self, picture: NDArray[np.uint8] | NDArray[np.float32], head: str = AUTO
    ) -> DepthResult:
        """Predict as the evaluation protocol does: squashed, not brought back, nothing clamped.

        picture: (H, W, 3), uint8 or float32 with values 0 to 1 (ValueError for others).  The maps
        of the result are at the network's own size, whatever the preprocessing; no flip averaging.
        """
        check_rgb(picture, float_too=True)
        check_head(head, self.heads)
        way = MetricPreprocessing(self._model.config.image_size)
        with torch.inference_mode():
            features = self._encode(way.to_network(to_tensor(picture, self._device)))
            verdict = self._verdict(features)
            used = head if head != AUTO else self._favourite(verdict)
            depth_m, uncertainty_m, relative_depth = self._maps(features, used)[0].cpu().numpy()
        return DepthResult(depth_m, uncertainty_m, relative_depth, used, verdict)

    def _encode(self, image: Tensor) -> Features:
        """Run what the heads share, with the constants of this size made once."""
        size = (image.shape[-2], image.shape[-1])
        if self._prepared is None or self._prepared.size != size:
            self._prepared = None  # a gigabyte for the big networks: never hold two
            self._prepared = self._model.prepare(*size)
        return self._model.encode(image, self._prepared)

    def _verdict(self, features: Features) -> dict[str, float]:
        """Give the router's probabilities for one picture; {} without a router."""
        return self._verdicts(features)[0]

    def _verdicts(self, features: Features) -> list[dict[str, float]]:
        """Give the router's probabilities for each picture; {} without a router."""
        if len(self.heads) == 1:
            return [{} for _ in features.seed]
        shares = self._model.route(features).softmax(dim=1).tolist()
        return [dict(zip(self.heads, own, strict=True)) for own in shares]

    def _favourite(self, verdict: dict[str, float]) -> str:
        """Give the likeliest head, the only one without a router."""
        return max(self.heads, key=lambda head: verdict.get(head, 0.0))

    def _maps(self, features: Features, head: str) -> Tensor:
        """Give depth [m], uncertainty [m] and relative depth: (1, 3, h, w).

        Raises NotFinite when the network gave anything that is not finite.
        """
        prediction = self._model.decode(features, head)
        maps = torch.cat(prediction[:3], dim=1)
        if not torch.isfinite(maps.sum()):  # a tenth of the time of asking every pixel
            share = 1.0 - float(torch.isfinite(prediction.depth_m).float().mean())
            raise NotFinite(
                f'{self.model_name} in {self.precision} on {self.device} gave values that are not '
                f'finite ({share:.1%} of the depths): wrong weights, or too little precision'
            )
        return maps

    def _maps_by_head(
        self, features: Features, heads: list[str], sizes: list[Size]
    ) -> list[NDArray[np.float32]]:
        """Give the maps (3, H, W) of each picture of a batch, from its head, at its size."""
        found: dict[int, NDArray[np.float32]] = {}
        for head in set(heads):
            rows = [row for row, name in enumerate(heads) if name == head]
            decoded = self._maps(features.rows(rows), head)
            for row, own in zip(rows, decoded, strict=True):
                found[row] = (
                    self._preprocessing.to_picture(own[None], *sizes[row])[0].cpu().numpy()
                )
        return [found[row] for row in range(len(heads))]


def _result(maps: NDArray[np.float32], head: str, verdict: dict[str, float]) -> DepthResult:
    """Make a result of maps (3, H, W).

    PARITY: the original does not clamp what its bicubic interpolation undershoots; a depth must
    be positive to be of use (test_predictor.py).
    """
    depth_m, uncertainty_m, relative_depth = maps
    return DepthResult(
        depth_m=np.maximum(depth_m, np.float32(MIN_DEPTH_M)),
        uncertainty_m=np.maximum(uncertainty_m, np.float32(0.0)),
        relative_depth=np.maximum(relative_depth, np.float32(0.0)),
        head=head,
        router_probabilities=verdict,
    )
