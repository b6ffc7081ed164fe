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
    """Run a PyTorch network on images; implements BatchPredictor.

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
        self,
        rgb: NDArray[np.uint8],
        head: str = AUTO,
        *,
        route: bool = True,
        depth_only: bool = False,
    ) -> DepthResult:
        """Predict the depth of one image; see DepthPredictor.

        PARITY: the original routes the mirrored image separately and may average two different
        heads; here the router output of the image itself applies to both (test_predictor.py).
        """
        check_rgb(rgb)
        check_head(head, self.heads)
        route = route or head == AUTO

        def predict() -> DepthResult:
            replayed = self._replay([rgb], head, [route], depth_only)
            return replayed[0] if replayed is not None else self._run(rgb, head, route, depth_only)

        return self._computed(predict)

    def predict_batch(
        self,
        images: Sequence[NDArray[np.uint8]],
        heads: Sequence[str],
        *,
        routes: Sequence[bool],
        depth_only: bool = False,
    ) -> list[DepthResult]:
        """Predict several images, in one run where that is faster; see BatchPredictor.

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
        self, image: NDArray[np.uint8] | NDArray[np.float32], head: str = AUTO
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
        images: Sequence[NDArray[np.uint8]],
        heads: Sequence[str],
        routes: Sequence[bool],
        depth_only: bool,
    ) -> list[DepthResult] | None:
        """Predict several images in one run; None if they have to run one by one."""
        if len(images) < 2 or self._forward.flip_augmentation or self._network.mode in _SINGLE:
            return None
        if self._captured is None:
            return self._run_batch(images, heads, routes, depth_only)
        one_size = len({rgb.shape for rgb in images}) == 1
        one_head = len(set(heads)) == 1 and heads[0] != AUTO
        if not (one_size and one_head):
            return None
        return self._replay(images, heads[0], routes, depth_only)

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
        images: Sequence[NDArray[np.uint8]],
        head: str,
        routes: Sequence[bool],
        depth_only: bool,
    ) -> list[DepthResult] | None:
        """Predict images of one size by replaying a CUDA graph; None if that is not possible."""
        if self._captured is None:
            return None
        outputs = self._captured(images, head, depth_only=depth_only)
        if outputs is None:
            return None
        self._check(all(outputs.finite))
        pixels, depth_m = self._captured.last()
        return [
            self._result(pixels[row], depth_m[row], outputs.head,
                         outputs.probabilities[row] if route else {}, outputs.maps[row])
            for row, route in enumerate(routes)
        ]  # fmt: skip

    def _run_batch(
        self,
        images: Sequence[NDArray[np.uint8]],
        heads: Sequence[str],
        routes: Sequence[bool],
        depth_only: bool,
    ) -> list[DepthResult] | None:
        """Predict images by running the network once; None if its inputs differ in size."""
        forward = self._forward
        sizes = [(rgb.shape[0], rgb.shape[1]) for rgb in images]
        if len({forward.preprocessing.network_size(*size) for size in sizes}) > 1:
            return None
        tensors, inputs = self._to_network(images)
        features = forward.encode(inputs)  # of (B, 3, h, w)
        probabilities = forward.scene_probabilities(features)
        used = [
            head if head != AUTO else forward.likeliest_head(row)
            for head, row in zip(heads, probabilities, strict=True)
        ]
        maps = self._maps_by_head(features, used, sizes, depth_only)
        routed = [route or head == AUTO for route, head in zip(routes, heads, strict=True)]
        return [
            self._result(image, own[0], head, row if keep else {}, own.cpu().numpy())
            for image, own, head, row, keep in zip(
                tensors, maps, used, probabilities, routed, strict=True
            )
        ]

    def _run(
        self, rgb: NDArray[np.uint8], head: str, route: bool, depth_only: bool
    ) -> DepthResult:
        """Predict by running the network."""
        forward = self._forward
        (image,), inputs = self._to_network([rgb])
        features = forward.encode(inputs)
        probabilities = forward.scene_probabilities(features)[0] if route else {}
        used = head if head != AUTO else forward.likeliest_head(probabilities)
        wanted = self._maps(features, used, depth_only=depth_only)
        maps = forward.to_image_size(image, wanted, used)[0]
        return self._result(image, maps[0], used, probabilities, maps.cpu().numpy())

    def _to_network(self, images: Sequence[NDArray[np.uint8]]) -> tuple[list[Tensor], Tensor]:
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
        self, features: Any, heads: list[str], sizes: list[Size], depth_only: bool
    ) -> list[Tensor]:
        """Return the maps (n, H, W) of each image of a batch, by its head and at its size."""
        found: dict[int, Tensor] = {}
        for head in set(heads):
            rows = [row for row, name in enumerate(heads) if name == head]
            decoded = self._maps(of_images(features, rows), head, depth_only=depth_only)
            for row, own in zip(rows, decoded, strict=True):
                found[row] = self._forward.preprocessing.to_image_size(own[None], *sizes[row])[0]
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
        clouds, on_device = self._clouds, None
        if clouds is not None:
            on_device = clouds.keep(image, depth_m, min_depth_m=MIN_DEPTH_M)
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
            on_device=on_device,
        )
