"""A predictor without a network: known depth, known delay, counted calls; imports no torch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from zoedepth_ros.inference.result import DepthResult, check_head, check_rgb
from zoedepth_ros.inference.uncertainty import UncertaintyMaps
from zoedepth_ros.pipeline.request import predict


def plane(height: int, width: int, near_m: float = 1.0, far_m: float = 5.0) -> np.ndarray:
    """Return a depth that grows linearly from the left column to the right one."""
    return np.tile(np.linspace(near_m, far_m, width, dtype=np.float32), (height, 1))


class FakePredictor:
    """Implement DepthPredictor with a depth the test chooses.

    depth: metres for every pixel, an array of the image's size, or a function (rgb, head) ->
    array.  router: probabilities, or a function rgb -> probabilities; used only with two heads.
    fail_with: raised by every call while it is not None.  delay_s: of every call, or of every
    batch whatever its size.
    """

    def __init__(
        self,
        depth: float | np.ndarray | Callable[[np.ndarray, str], np.ndarray] = 2.0,
        *,
        heads: tuple[str, ...] = ('indoor', 'outdoor'),
        router: dict[str, float] | Callable[[np.ndarray], dict[str, float]] | None = None,
        uncertainty_m: float = 0.1,
        delay_s: float = 0.0,
        network: tuple[int, int] = (64, 96),
        model_name: str = 'fake',
        weights_origin: str = 'none',
        weights_warning: str = 'a fake: not depth',
        device: str = 'cpu',
        precision: str = 'fp32',
        preprocess_ms: float = float('nan'),
        training_hfov_rad: float = 0.0,
        focal_exponent: float = 1.0,
        uncertainty_maps: UncertaintyMaps | None = None,
    ) -> None:
        self.model_name, self.heads = model_name, heads
        self.device, self.precision = device, precision
        self.preprocess_ms, self.device_memory_mb = preprocess_ms, float('nan')
        self.optimization_note = ''
        self.weights_origin, self.weights_warning = weights_origin, weights_warning
        self.training_hfov_rad = training_hfov_rad
        self.focal_exponent = focal_exponent
        self.uncertainty_maps = uncertainty_maps or {}
        self.depth, self.uncertainty_m, self.delay_s = depth, uncertainty_m, delay_s
        self.router = {'indoor': 0.9, 'outdoor': 0.1} if router is None else router
        self.network = network
        self.fail_with: Exception | None = None
        self.calls = 0
        self.batches: list[int] = []
        self.routed = 0
        self.requested_heads: list[str] = []
        self.shapes: list[tuple[int, ...]] = []
        self.warm_ups: list[tuple[int, int]] = []
        self.threads: set[int] = set()
        self.last_rgb: np.ndarray | None = None

    def network_size(self, height: int, width: int) -> tuple[int, int]:
        return self.network

    def warm_up(self, height: int, width: int) -> None:
        self.warm_ups.append((height, width))

    def __call__(
        self, rgb: np.ndarray, head: str = 'auto', *, route: bool = True, depth_only: bool = False
    ) -> DepthResult:
        return self.predict_batch([rgb], [head], routes=[route], depth_only=depth_only)[0]

    def predict_batch(
        self, images, heads, *, routes, depth_only: bool = False
    ) -> list[DepthResult]:
        self.batches.append(len(images))
        if self.delay_s:
            time.sleep(self.delay_s)
        requests = zip(images, heads, routes, strict=True)
        results = [self._predict(rgb, head, route) for rgb, head, route in requests]
        return [_without_others(result) for result in results] if depth_only else results

    def _predict(self, rgb: np.ndarray, head: str, route: bool) -> DepthResult:
        check_rgb(rgb)
        check_head(head, self.heads)
        self.calls += 1
        self.requested_heads.append(head)
        self.shapes.append(rgb.shape)
        self.threads.add(threading.get_ident())
        self.last_rgb = rgb.copy()
        if self.fail_with is not None:
            raise self.fail_with
        probabilities = self._probabilities(rgb) if route or head == 'auto' else {}
        used = head if head != 'auto' else max(self.heads, key=lambda h: probabilities.get(h, 0.0))
        depth_m = self._depth(rgb, used)
        return DepthResult(
            depth_m=depth_m,
            uncertainty_m=np.full_like(depth_m, self.uncertainty_m),
            relative_depth=1.0 / depth_m,
            head=used,
            router_probabilities=probabilities,
        )

    def _probabilities(self, rgb: np.ndarray) -> dict[str, float]:
        if len(self.heads) < 2:
            return {}
        self.routed += 1
        return self.router(rgb) if callable(self.router) else dict(self.router)

    def _depth(self, rgb: np.ndarray, head: str) -> np.ndarray:
        depth = self.depth(rgb, head) if callable(self.depth) else self.depth
        shape = rgb.shape[:2]
        return np.ascontiguousarray(np.broadcast_to(np.asarray(depth, np.float32), shape))


def outputs_of(pipeline, predictor, rgb, camera, now_s, names, **how):
    """Give the outputs of an image by name; how: other arguments of `CameraPipeline.process`."""
    request = pipeline.prepare(rgb, camera, now_s, names)
    made = pipeline.process(request, predict(predictor, request), **how)
    return {output.name: output for output in made}


def _without_others(result: DepthResult) -> DepthResult:
    unknown = np.full_like(result.depth_m, np.nan)
    return replace(result, uncertainty_m=unknown, relative_depth=unknown)
