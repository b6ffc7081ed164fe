"""From a picture to its depth: the network with everything around it."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoedepth_ros.inference.device_cloud import DeviceClouds
from zoedepth_ros.inference.failures import named_failures
from zoedepth_ros.inference.forward import Pipeline, Verdict
from zoedepth_ros.inference.preprocess import MetricPreprocessing, Preprocessing, Size, to_tensor
from zoedepth_ros.inference.result import AUTO, DepthResult, NotFinite, check_head, check_rgb
from zoedepth_ros.inference.runtimes.captured import RecordedPipeline
from zoedepth_ros.inference.runtimes.graphs import GraphDevice, RecordingError
from zoedepth_ros.inference.runtimes.optimize import OptimizedNetwork

MIN_DEPTH_M = 1e-3  # the nearest depth the networks were trained and evaluated with


class TorchPredictor:
    """Run a network on pictures; implements BatchPredictor.

    Calls are not to overlap, but may come from different threads; the number of threads that the
    network computes with is left to the caller.
    """

    def __init__(
        self,
        network: OptimizedNetwork,
        preprocessing: Preprocessing,
        *,
        device: torch.device,
        precision: str,
        graphs: GraphDevice | None = None,
        clouds: DeviceClouds | None = None,
        flip_augmentation: bool = False,
        weights_origin: str = '',
        trained_on: str = '',
        training_hfov_rad: float = 0.0,
        focal_exponent: float = 1.0,
    ) -> None:
        """Take a network on its device and how pictures reach it.

        precision: what the network computes in, to be told.  graphs: what records runs of the
        network; None to run it anew every time.  clouds: what packs clouds on the device; None to
        leave that to others.  flip_augmentation: average with the prediction for the mirrored
        picture, at twice the time.  training_hfov_rad, focal_exponent: see
        DepthPredictor.
        """
        self.model_name = network.config.name
        self.heads = network.config.head_names
        self.device = str(device)
        self.precision = precision
        self.weights_origin = weights_origin
        self.trained_on = trained_on
        self.training_hfov_rad = training_hfov_rad
        self.focal_exponent = focal_exponent
        self.preprocess_ms = math.nan
        self._device = device
        self._network = network
        self._pipeline = Pipeline(network, preprocessing, flip_augmentation)
        self._recorded = (
            None if graphs is None else RecordedPipeline(self._pipeline, graphs, device)
        )
        self._recording_failed = ''
        self._clouds = clouds

    @property
    def device_memory_mb(self) -> float:
        """Memory that torch holds on a CUDA device [MB]; NaN on the CPU."""
        on_cuda = self._device.type == 'cuda'
        return 1e-6 * torch.cuda.memory_reserved(self._device) if on_cuda else math.nan

    @property
    def optimization(self) -> str:
        """The form in which the network runs now: 'plain', 'packed', 'folded' or 'compiled'.

        With ', recorded' behind it where a GPU plays recorded runs of it.
        """
        return self._network.form + (', recorded' if self._recorded is not None else '')

    @property
    def optimization_note(self) -> str:
        """Why the network runs slower than asked; '' when it does not."""
        packing_failed = '' if self._clouds is None else self._clouds.failure
        notes = (self._network.note, self._recording_failed, packing_failed)
        return '; '.join(note for note in notes if note)

    def network_size(self, height: int, width: int) -> Size:
        """Give the (height, width) that a picture of this size has inside the network."""
        return self._pipeline.way.network_size(height, width)

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
        told = route or head == AUTO
        with torch.inference_mode(), named_failures(self.device):
            return self._by_recording(rgb, head, told) or self._step_by_step(rgb, head, told)

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
        pipeline = self._pipeline
        sizes = [(rgb.shape[0], rgb.shape[1]) for rgb in pictures]
        together = len({pipeline.way.network_size(*size) for size in sizes}) == 1
        if len(pictures) < 2 or not together or pipeline.flip_augmentation:
            asked = zip(pictures, heads, routes, strict=True)
            return [self(rgb, head, route=route) for rgb, head, route in asked]
        for rgb, head in zip(pictures, heads, strict=True):
            check_rgb(rgb)
            check_head(head, self.heads)
        with torch.inference_mode(), named_failures(self.device):
            there, images = self._to_network(pictures)
            features = pipeline.encode(images)  # of (B, 3, h, w)
            verdicts = pipeline.verdicts(features)
            wanted = [head if head != AUTO else pipeline.favourite(verdict)
                      for head, verdict in zip(heads, verdicts, strict=True)]  # fmt: skip
            maps = self._maps_by_head(features, wanted, sizes)
            tells = [route or head == AUTO for route, head in zip(routes, heads, strict=True)]
            answers = zip(there, maps, wanted, verdicts, tells, strict=True)
            return [
                self._result(picture, own, used, verdict if told else {})
                for picture, own, used, verdict, told in answers
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
        way = MetricPreprocessing(self._network.config.image_size)
        with torch.inference_mode():
            features = self._pipeline.encode(way.to_network(to_tensor(picture, self._device)))
            verdict = self._pipeline.verdicts(features)[0]
            used = head if head != AUTO else self._pipeline.favourite(verdict)
            depth_m, uncertainty_m, relative_depth = self._maps(features, used)[0].cpu().numpy()
        return DepthResult(depth_m, uncertainty_m, relative_depth, used, verdict)

    def _by_recording(self, rgb: NDArray[np.uint8], head: str, told: bool) -> DepthResult | None:
        """Give the result by playing a recording; None where nothing can be recorded.

        told: whether the verdict is.
        """
        if self._recorded is None:
            return None
        try:
            maps, used, verdict, finite = self._recorded(rgb, head)
        except RecordingError as error:
            self._recorded = None
            self._recording_failed = f'no CUDA graphs, every picture is launched anew: {error}'
            logging.getLogger(__name__).warning(self._recording_failed)
            return None
        self._check(finite)
        return self._result(*self._recorded.last(), used, verdict if told else {}, maps)

    def _step_by_step(self, rgb: NDArray[np.uint8], head: str, told: bool) -> DepthResult:
        """Give the result by running the network; the verdict, where it is told, comes first."""
        pipeline = self._pipeline
        (picture,), image = self._to_network([rgb])
        features = pipeline.encode(image)
        verdict = pipeline.verdicts(features)[0] if told else {}
        used = head if head != AUTO else pipeline.favourite(verdict)
        maps = pipeline.to_picture(picture, self._maps(features, used), used)
        return self._result(picture, maps, used, verdict)

    def _to_network(self, pictures: Sequence[NDArray[np.uint8]]) -> tuple[list[Tensor], Tensor]:
        """Give the pictures (1, 3, H, W) and the images (B, 3, h, w) for the network."""
        start_s = time.perf_counter()
        there = [to_tensor(rgb, self._device) for rgb in pictures]
        images = [self._pipeline.way.to_network(picture) for picture in there]
        if self._device.type == 'cpu':  # elsewhere this has only been asked for
            self.preprocess_ms = 1e3 * (time.perf_counter() - start_s)
        return there, torch.cat(images)

    def _maps(self, features: Any, head: str) -> Tensor:
        """Give depth [m], uncertainty [m] and relative depth: (B, 3, h, w).

        Raises NotFinite when the network gave anything that is not finite.
        """
        maps = self._pipeline.maps(features, head)
        self._check(bool(torch.isfinite(maps.sum())))  # cheaper than asking every pixel
        return maps

    def _check(self, finite: bool) -> None:
        if not finite:
            raise NotFinite(
                f'{self.model_name} in {self.precision} on {self.device} gave values that are not '
                'finite: wrong weights, or too little precision'
            )

    def _maps_by_head(self, features: Any, heads: list[str], sizes: list[Size]) -> list[Tensor]:
        """Give the maps (3, H, W) of each picture of a batch, from its head, at its size."""
        found: dict[int, Tensor] = {}
        for head in set(heads):
            rows = [row for row, name in enumerate(heads) if name == head]
            decoded = self._maps(features.rows(rows), head)
            for row, own in zip(rows, decoded, strict=True):
                found[row] = self._pipeline.way.to_picture(own[None], *sizes[row])[0]
        return [found[row] for row in range(len(heads))]

    def _result(
        self,
        picture: Tensor,
        there: Tensor,
        head: str,
        verdict: Verdict,
        maps: NDArray[np.float32] | None = None,
    ) -> DepthResult:
        """Make a result of a picture (1, 3, H, W) and its maps (3, H, W) on the device.

        maps: the same on the host, where they are already.

        PARITY: the original does not clamp what its bicubic interpolation undershoots; a depth
        must be positive to be of use (test_predictor.py).
        """
        maps = there.cpu().numpy() if maps is None else maps
        kept = None
        if self._clouds is not None:  # copies, for the next run may overwrite the maps
            depth_m, uncertainty_m = there[0].clamp(min=MIN_DEPTH_M), there[1].clamp(min=0.0)
            kept = self._clouds.keep(picture, depth_m, uncertainty_m)
        return DepthResult(
            depth_m=np.maximum(maps[0], np.float32(MIN_DEPTH_M)),
            uncertainty_m=np.maximum(maps[1], np.float32(0.0)),
            relative_depth=np.maximum(maps[2], np.float32(0.0)),
            head=head,
            router_probabilities=verdict,
            on_device=kept,
        )
