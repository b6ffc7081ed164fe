"""Predict depth from images with a PyTorch network."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoedepth_ros.geometry.filters import raise_to
from zoedepth_ros.inference.device_cloud import DeviceClouds
from zoedepth_ros.inference.devices import (
    float32_policy,
    named_failures,
    retried_without_cudnn_attention,
)
from zoedepth_ros.inference.forward import ForwardPass, SceneProbabilities
from zoedepth_ros.inference.preprocess import MetricPreprocessing, Preprocessing, Size, to_tensor
from zoedepth_ros.inference.result import (
    AUTO,
    MIN_DEPTH_M,
    DepthResult,
    NotFinite,
    Rgb,
    SingleImagePredictor,
    check_head,
    check_rgb,
)
from zoedepth_ros.inference.runtimes.cuda_graphs import CapturedForward, CudaGraphs
from zoedepth_ros.inference.runtimes.optimize import OptimizedNetwork
from zoedepth_ros.inference.uncertainty import UncertaintyMaps
from zoedepth_ros.model.zoedepth import of_images

Result = TypeVar('Result')
_SINGLE = ('compiled', 'openvino')  # modes for one image at a time


class TorchPredictor(SingleImagePredictor):
    """Run a PyTorch network on images; implements DepthPredictor.

    Calls may come from different threads, but must not overlap.  The caller sets the number of
    threads that torch uses.
    """

    def __init__(
        self,
        network: OptimizedNetwork,
        preprocessing: Preprocessing,
        *,
        device: torch.device,
        precision: str,
        graphs: CudaGraphs | None = None,
        clouds: DeviceClouds | None = None,
        flip_augmentation: bool = False,
        weights_origin: str = '',
        weights_warning: str = '',
        training_hfov_rad: float = 0.0,
        focal_exponent: float = 1.0,
        uncertainty_maps: UncertaintyMaps | None = None,
    ) -> None:
        """Take a network that is already on its device.

        precision: data type of the network, for reporting.  graphs: captures the forward pass;
        None launches every operation.  clouds: packs clouds on the device; None for the CPU.
        flip_augmentation: average with the prediction for the mirrored image, at twice the time.
        training_hfov_rad, focal_exponent, uncertainty_maps: see DepthPredictor.
        """
        self.model_name = network.config.name
        self.heads = network.config.head_names
        self.device = str(device)
        self.precision = precision
        self.weights_origin = weights_origin
        self.weights_warning = weights_warning
        self.training_hfov_rad = training_hfov_rad
        self.focal_exponent = focal_exponent
        self.uncertainty_maps = uncertainty_maps or {}
        self.preprocess_ms = math.nan
        self._device = device
        self._network = network
        self._forward = ForwardPass(network, preprocessing, flip_augmentation)
        self._captured = None if graphs is None else CapturedForward(self._forward, graphs, device)
        self._clouds = clouds

    @property
    def device_memory_mb(self) -> float:
        """Memory that torch has reserved on a CUDA device [MB]; NaN on the CPU."""
        on_cuda = self._device.type == 'cuda'
        return 1e-6 * torch.cuda.memory_reserved(self._device) if on_cuda else math.nan

    @property
    def optimization(self) -> str:
        """The execution mode: 'reference', 'packed', 'fused', 'compiled' or 'openvino'.

        ', captured' is appended if it runs as CUDA graphs.
        """
        captured = self._captured is not None and not self._captured.failures
        return self._network.mode + (', captured' if captured else '')

    @property
    def optimization_note(self) -> str:
        """Why the network runs slower than configured; '' if it does not."""
        capture_errors = [] if self._captured is None else self._captured.failures
        cloud_error = '' if self._clouds is None else self._clouds.failure
        notes = (self._network.note, *capture_errors, cloud_error)
        return '; '.join(note for note in notes if note)

    def network_size(self, height: int, width: int) -> Size:
        """Return the (height, width) of the network input for an image of this size."""
        return self._forward.preprocessing.network_size(height, width)

    def warm_up(self, height: int, width: int) -> None:
        """Run every head once on a grey image of this size."""
        grey = np.full((height, width, 3), 128, np.uint8)
        for head in self.heads:
            self(grey, head)

    def __call__(
        self, rgb: Rgb, head: str = AUTO, *, route: bool = True, depth_only: bool = False
    ) -> DepthResult:
        """Predict the depth of one image; see DepthPredictor.

        PARITY: the original routes the mirrored image separately and may average two different
        heads; here the router output of the image itself applies to both (test_predictor.py).
        """
        check_rgb(rgb)
        check_head(head, self.heads)
        request = [rgb], [head], [route or head == AUTO], depth_only
        return self._computed(lambda: self._replay(*request) or self._run(*request))[0]

    def predict_batch(
        self,
        images: Sequence[Rgb],
        heads: Sequence[str],
        *,
        routes: Sequence[bool],
        depth_only: bool = False,
    ) -> list[DepthResult]:
        """Predict several images, in one run where that is faster; see DepthPredictor.

        One run needs network inputs of one size.  CUDA graphs need images of one size and one
        head; others are replayed one by one, because launching a batch takes the host longer.
        A compiled network runs them one by one: a new batch size would be compiled for minutes;
        so does OpenVINO.
        """
        for rgb, head in zip(images, heads, strict=True):
            check_rgb(rgb)
            check_head(head, self.heads)
        together = self._computed(lambda: self._run_together(images, heads, routes, depth_only))
        if together is not None:
            return together
        return super().predict_batch(images, heads, routes=routes, depth_only=depth_only)

    def predict_network_resolution(
        self, image: Rgb | NDArray[np.float32], head: str = AUTO
    ) -> DepthResult:
        """Predict as the evaluation protocol: resized input, maps at network size, no clamping.

        image: (H, W, 3), uint8 or float32 from 0 to 1; ValueError for others.  The image is
        resized ignoring the aspect ratio, whatever the preprocessing, and without flip
        augmentation.
        """
        check_rgb(image, float_too=True)
        check_head(head, self.heads)
        config = self._network.config
        preprocessing = MetricPreprocessing(config.image_size, config.antialias)

        def predict() -> DepthResult:
            inputs = preprocessing.to_network(to_tensor(image, self._device))
            features = self._forward.encode(inputs)
            probabilities = self._forward.scene_probabilities(features)[0]
            used = head if head != AUTO else self._forward.likeliest_head(probabilities)
            depth_m, uncertainty_m, relative_depth = self._maps(features, used)[0].cpu().numpy()
            return DepthResult(depth_m, uncertainty_m, relative_depth, used, probabilities)

        return self._computed(predict)

    def _run_together(
        self,
        images: Sequence[Rgb],
        heads: Sequence[str],
        routes: Sequence[bool],
        depth_only: bool,
    ) -> list[DepthResult] | None:
        """Predict several images in one run; None if they have to run one by one."""
        if len(images) < 2 or self._forward.flip_augmentation or self._network.mode in _SINGLE:
            return None
        if self._captured is None:
            sizes = {self.network_size(rgb.shape[0], rgb.shape[1]) for rgb in images}
            return self._run(images, heads, routes, depth_only) if len(sizes) == 1 else None
        one_size = len({rgb.shape for rgb in images}) == 1
        one_head = len(set(heads)) == 1 and heads[0] != AUTO
        return self._replay(images, heads, routes, depth_only) if one_size and one_head else None

    def _computed(self, compute: Callable[[], Result]) -> Result:
        """Compute without gradients, with errors of the device translated."""
        device = self._device
        with (
            torch.inference_mode(),
            named_failures(device),
            float32_policy(device, self.precision),
        ):
            return retried_without_cudnn_attention(compute)

    def _replay(
        self,
        images: Sequence[Rgb],
        heads: Sequence[str],
        routes: Sequence[bool],
        depth_only: bool,
    ) -> list[DepthResult] | None:
        """Predict images of one size and head by replaying a CUDA graph; None if impossible."""
        if self._captured is None:
            return None
        outputs = self._captured(images, heads[0], depth_only=depth_only)
        if outputs is None:
            return None
        self._check(all(outputs.finite))
        pixels, depth_m = self._captured.last()
        return [
            self._result(pixels[row], depth_m[row], outputs.head,
                         outputs.probabilities[row] if route else {}, outputs.maps[row])
            for row, route in enumerate(routes)
        ]  # fmt: skip

    def _run(
        self,
        images: Sequence[Rgb],
        heads: Sequence[str],
        routes: Sequence[bool],
        depth_only: bool,
    ) -> list[DepthResult]:
        """Predict images whose network inputs have one size by running the network once."""
        forward = self._forward
        tensors, inputs = self._to_network(images)
        features = forward.encode(inputs)  # of (B, 3, h, w)
        routed = [route or head == AUTO for route, head in zip(routes, heads, strict=True)]
        nothing: list[SceneProbabilities] = [{} for _ in images]
        probabilities = forward.scene_probabilities(features) if any(routed) else nothing
        used = [
            head if head != AUTO else forward.likeliest_head(row)
            for head, row in zip(heads, probabilities, strict=True)
        ]
        maps = self._maps_by_head(features, used, tensors, depth_only)
        return [
            self._result(image, own[0], head, row if keep else {}, own.cpu().numpy())
            for image, own, head, row, keep in zip(
                tensors, maps, used, probabilities, routed, strict=True
            )
        ]

    def _to_network(self, images: Sequence[Rgb]) -> tuple[list[Tensor], Tensor]:
        """Return the images (1, 3, H, W) and the network inputs (B, 3, h, w) on the device."""
        start_s = time.perf_counter()
        tensors = [to_tensor(rgb, self._device) for rgb in images]
        inputs = torch.cat([self._forward.preprocessing.to_network(image) for image in tensors])
        if self._device.type == 'cpu':  # other devices compute asynchronously
            self.preprocess_ms = 1e3 * (time.perf_counter() - start_s)
        return tensors, inputs

    def _maps(self, features: Any, head: str, *, depth_only: bool = False) -> Tensor:
        """Return depth [m], uncertainty [m] and relative depth: (B, 3, h, w).

        depth_only: return depth [m] only, (B, 1, h, w).  Raises NotFinite for values of any map
        that are not finite.
        """
        maps = self._forward.maps(features, head)
        self._check(bool(torch.isfinite(maps.sum())))  # cheaper than checking every pixel
        return maps[:, :1] if depth_only else maps

    def _check(self, finite: bool) -> None:
        if not finite:
            raise NotFinite(
                f'{self.model_name} in {self.precision} on {self.device} gave depth that is not '
                'finite (NaN or infinite): the weights are wrong, or the precision is too low'
            )

    def _maps_by_head(
        self, features: Any, heads: list[str], images: list[Tensor], depth_only: bool
    ) -> list[Tensor]:
        """Return the maps (n, H, W) of each image (1, 3, H, W) of a batch, by its head."""
        found: dict[int, Tensor] = {}
        for head in set(heads):
            rows = [row for row, name in enumerate(heads) if name == head]
            of_head = features if len(rows) == len(heads) else of_images(features, rows)
            decoded = self._maps(of_head, head, depth_only=depth_only)
            for row, own in zip(rows, decoded, strict=True):
                found[row] = self._forward.to_image_size(images[row], own[None], head)[0]
        return [found[row] for row in range(len(heads))]

    def _result(
        self,
        image: Tensor,
        depth_m: Tensor,
        head: str,
        probabilities: SceneProbabilities,
        maps: NDArray[np.float32],
    ) -> DepthResult:
        """Return the result for an image and its depth (H, W), both on the device.

        image: (1, 3, H, W) of 0 to 1, or (H, W, 3) uint8.  maps: on the host, (3, H, W), or only
        depth, (1, H, W); the result takes them over.

        PARITY: the original does not clamp the undershoot of bicubic interpolation; here depth is
        always positive (test_predictor.py).
        """
        clouds, pack_cloud = self._clouds, None
        if clouds is not None:
            pack_cloud = clouds.keep(image, depth_m, min_depth_m=MIN_DEPTH_M)
        for values, least in zip(maps, (MIN_DEPTH_M, 0.0, 0.0), strict=False):
            raise_to(values, least)
        unknown = np.broadcast_to(np.float32(math.nan), maps.shape[1:])
        uncertainty_m, relative_depth = maps[1:] if len(maps) > 1 else (unknown, unknown)
        return DepthResult(
            depth_m=maps[0],
            uncertainty_m=uncertainty_m,
            relative_depth=relative_depth,
            head=head,
            router_probabilities=probabilities,
            pack_cloud=pack_cloud,
        )
