"""Run a smaller network, on the CPU or in fp32 when the configured one cannot run."""

from __future__ import annotations

import gc
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from zoedepth_ros.inference.result import (
    AUTO,
    ContextLost,
    Convention,
    DepthPredictor,
    DepthResult,
    DeviceLost,
    InferenceError,
    NotFinite,
    OutOfMemory,
    Rgb,
    convention_of,
)
from zoedepth_ros.inference.uncertainty import UncertaintyMaps

BATCH = 'batch'
Size = tuple[int, int]
Result = TypeVar('Result')

_SMALLEST_SIDE_PX = 128  # of the network's input
_STEP = 0.75  # of both sides: about half the memory of the attention
_MULTIPLE_PX = 32


@dataclass(frozen=True, slots=True)
class PredictorSettings:
    """What a predictor is built from."""

    model: str
    """Preset, for example 'ZoeD_M12_NK'."""

    weights: str
    """'' for the released weights, a path, or 'random'."""

    backend: str
    """'torch', 'auto', or a runtime of exported files: 'onnxruntime', 'openvino', 'tensorrt'."""

    device: str
    """'auto', 'cpu', 'cuda' or 'cuda:N'."""

    precision: str
    """'auto', 'fp32', 'bf16' or 'fp16'."""

    optimization: str
    """'auto', 'packed', 'off' or 'compile'."""

    network_height: int
    """Height of the network's input [px]; 0 for the model's own."""

    network_width: int
    """Width of the network's input [px]; 0 for the model's own."""

    flip_augmentation: bool
    """Whether to average with the prediction for the mirrored image."""

    pad_input: bool
    """Whether to preprocess images as the original `infer` does (padding, aspect ratio kept)."""

    may_measure: bool = True
    """Whether the execution mode may be measured, which takes seconds; False uses what was
    measured earlier."""


MakePredictor = Callable[[PredictorSettings], DepthPredictor]


class FallbackPredictor:
    """Run a predictor, and replace it by one that needs less when it fails.

    Too little memory: a smaller network, with device auto the CPU at last.  CUDA lost: the CPU,
    unless the CUDA context is lost, which only a new process can recover from.  Values that are
    not finite: bf16 after fp16, because it has the range of fp32, then fp32.  The image that met
    the failure is dropped, because it is old by the time the other network is ready.  Metadata of
    the last predictor stays available during a rebuild.
    Implements DepthPredictor.
    """

    # Of the last predictor, as in DepthPredictor.
    model_name: str
    heads: tuple[str, ...]
    device: str
    precision: str
    weights_origin: str
    weights_warning: str
    training_hfov_rad: float
    focal_exponent: float
    uncertainty_maps: UncertaintyMaps
    convention: Convention
    """What is known of the depth before an image."""

    def __init__(
        self,
        make: MakePredictor,
        configured: PredictorSettings,
        warn: Callable[[str], None],
        on_context_lost: Callable[[], None] = lambda: None,
    ) -> None:
        """Build the predictor; with device auto on the CPU if a GPU fails while loading.

        warn: called for every fallback.  on_context_lost: called when only a new process can use
        the GPU again.  Raises what `make` raises.
        """
        self._make, self._configured, self._warn = make, configured, warn
        self._on_context_lost = on_context_lost
        self._lock = threading.Lock()  # between the inference thread and the others
        self._recovery_requested = False
        self._reasons: dict[type[InferenceError] | str, str] = {}
        self.batch_limit: int | None = None
        """Images that fit into the device's memory at once; None for no known limit."""
        self._settings = configured
        self._predictor: DepthPredictor | None = None
        self._size_px: Size = (0, 0)
        self._build_first()
        # What is built later is built while images arrive.
        self._configured = replace(configured, may_measure=False)
        self._settings = replace(self._settings, may_measure=False)

    @property
    def preprocess_ms(self) -> float:
        """As in DepthPredictor; NaN during a rebuild."""
        return math.nan if (found := self._predictor) is None else found.preprocess_ms

    @property
    def device_memory_mb(self) -> float:
        """As in DepthPredictor; NaN during a rebuild."""
        return math.nan if (found := self._predictor) is None else found.device_memory_mb

    @property
    def optimization_note(self) -> str:
        """As in DepthPredictor."""
        return '' if (found := self._predictor) is None else found.optimization_note

    @property
    def failed(self) -> bool:
        """Whether nothing runs until `recover` is called, or for good after a lost context."""
        return self._predictor is None or ContextLost in self._reasons

    @property
    def notices(self) -> tuple[str, ...]:
        """How it does less than was configured, in words; empty without a fallback."""
        with self._lock:
            notices = tuple(self._reasons.values())
        if (
            self._configured.device == AUTO
            and self.device == 'cpu'
            and DeviceLost not in self._reasons
        ):
            no_cuda = (
                'no CUDA device can be used, so the depth network runs on the CPU (set device: '
                'cpu to remove this warning)'
            )
            notices = (no_cuda, *notices)
        slower = self.optimization_note
        return (*notices, slower) if slower else notices

    def recover(self) -> bool:
        """Request the configured predictor from the next image on; False without a fallback."""
        with self._lock:
            self._recovery_requested = bool(self._reasons) and ContextLost not in self._reasons
            return self._recovery_requested

    def network_size(self, height: int, width: int) -> Size:
        """As in DepthPredictor; the last one known during a rebuild."""
        if (found := self._predictor) is not None:
            self._size_px = found.network_size(height, width)
        return self._size_px

    def warm_up(self, height: int, width: int) -> None:
        """Run once on an empty image, with fallbacks until that works.

        A device that was configured by name and fails here is an error.
        """
        while True:
            try:
                return self._running().warm_up(height, width)
            except InferenceError as error:
                kind, text = type(error), str(error)
            if kind is DeviceLost and self._configured.device != AUTO:
                raise kind(text)
            if not self._fall_back(kind, text, (height, width)):
                raise kind(text)

    def __call__(
        self, rgb: Rgb, head: str = AUTO, *, route: bool = True, depth_only: bool = False
    ) -> DepthResult:
        """Predict; see DepthPredictor.  Raises InferenceError also after a fallback."""
        return self._predicted(lambda it: it(rgb, head, route=route, depth_only=depth_only), [rgb])

    def predict_batch(
        self,
        images: Sequence[Rgb],
        heads: Sequence[str],
        *,
        routes: Sequence[bool],
        depth_only: bool = False,
    ) -> list[DepthResult]:
        """Predict several images; see DepthPredictor.

        Too little memory for them together makes the batches smaller first.  Values that are not
        finite may be caused by one image, and change nothing until that one comes alone.
        """
        return self._predicted(
            lambda it: it.predict_batch(images, heads, routes=routes, depth_only=depth_only),
            images,
        )

    def _predicted(
        self, predict: Callable[[DepthPredictor], Result], images: Sequence[Rgb]
    ) -> Result:
        """Predict images; after an error fall back, then raise it."""
        if self._recover_if_requested():
            raise InferenceError(
                'the image was dropped, because the depth network was being rebuilt'
            )
        try:
            return predict(self._running())
        except InferenceError as error:  # released first: it holds this network's maps
            kind, text = type(error), str(error)
        if len(images) > 1 and kind is OutOfMemory:
            self.batch_limit = len(images) // 2
            now = f'the depth network processes at most {self.batch_limit} images at once'
            self._report(BATCH, now, text)
        elif len(images) == 1 or kind is not NotFinite:
            self._fall_back(kind, text, (images[0].shape[0], images[0].shape[1]))
        raise kind(text)

    def _report(self, kind: type[InferenceError] | str, now: str, text: str) -> None:
        """Keep what a fallback is and the error before it as a notice, and warn of it."""
        with self._lock:
            self._reasons[kind] = f'{now} ({text})'
        self._warn(f'{text}: {now}')

    def _running(self) -> DepthPredictor:
        reasons = '; '.join(self._reasons.values())
        if ContextLost in self._reasons:
            raise InferenceError(f'the depth network cannot run: {reasons}')
        if self._predictor is None:
            raise InferenceError(
                f'the depth network cannot run: {reasons}; the service ~/recover builds the '
                'network again'
            )
        return self._predictor

    def _build_first(self) -> None:
        try:
            self._swap(self._configured)
        except (OutOfMemory, DeviceLost) as error:
            if isinstance(error, ContextLost) or self._configured.device != AUTO:
                raise
            text = str(error)
        else:
            return
        self._report(DeviceLost, 'the depth network runs on the CPU instead of the GPU', text)
        self._swap(on_cpu(self._configured))

    def _lose_context(self, text: str) -> None:
        """Stop for good.  The predictor is not freed, see `named_failures`."""
        with self._lock:
            self._reasons[ContextLost] = f'{text}: only a new process can use the GPU again'
        self._on_context_lost()

    def _swap(self, settings: PredictorSettings) -> None:
        self._predictor = None  # first: two may not fit
        gc.collect()
        try:
            made = self._make(settings)
        except ContextLost as error:
            self._lose_context(str(error))
            raise
        for name in type(self).__annotations__.keys() - {'convention'}:
            setattr(self, name, getattr(made, name))
        self.convention = convention_of(made)
        self._predictor, self._settings = made, settings

    def _recover_if_requested(self) -> bool:
        with self._lock:
            if not self._recovery_requested:
                return False
            self._recovery_requested = False
            before, self._reasons = self._reasons, {}
        self._warn('the service ~/recover rebuilds the depth network as configured')
        try:
            self._swap(self._configured)
            self.batch_limit = None
        except (InferenceError, ValueError, OSError) as error:
            with self._lock:
                self._reasons = before | self._reasons
                is_lost = ContextLost in self._reasons
            self._warn(f'the recovery of the depth network failed: {error}')
            if not is_lost:
                self._rebuild_fallback()
        return True

    def _rebuild_fallback(self) -> None:
        try:
            self._swap(self._settings)
        except (InferenceError, ValueError, OSError) as error:
            self._warn(
                f'the depth network cannot be built again with its previous settings: {error}'
            )

    def _fall_back(self, kind: type[InferenceError], text: str, image: Size) -> bool:
        """Build the next fallback; False when this failure has none left."""
        if kind is ContextLost:
            self._lose_context(text)
            return False
        while (step := self._next(kind, image)) is not None:
            settings, now = step
            if kind is OutOfMemory and settings.device != self._settings.device:
                with self._lock:
                    self._reasons.pop(OutOfMemory, None)  # at full size again, on the CPU
                kind = DeviceLost
            self._report(kind, now, text)
            self._settings = settings
            try:
                self._swap(settings)
                return True
            except InferenceError as error:
                kind, text = type(error), str(error)
            except (ValueError, OSError) as error:  # a backbone of one size, a GPU without bf16
                self._warn(
                    'the depth network cannot be built with the settings of the next fallback: '
                    f'{error}'
                )
                if kind is not NotFinite:
                    break
        if kind in (OutOfMemory, DeviceLost):
            self._predictor = None
            with self._lock:
                self._reasons[kind] = text
        return False

    def _next(
        self, kind: type[InferenceError], image: Size
    ) -> tuple[PredictorSettings, str] | None:
        """Return the settings of the next fallback and its description; None if there is none."""
        now, (height, width) = self._settings, self.network_size(*image)
        to_cpu = f'the depth network runs on the CPU instead of {self.device}'
        if kind is OutOfMemory:
            if now.network_height:  # already fixed or stepped down
                height, width = now.network_height, now.network_width or width
            size = tuple(_shrunk(side) for side in (height, width))
            if min(size) >= _SMALLEST_SIDE_PX:
                return (
                    replace(now, network_height=size[0], network_width=size[1]),
                    f"the depth network's input is reduced from {height} x {width} to {size[0]} x "
                    f'{size[1]} px (height x width)',
                )
            may_leave = now.device == AUTO and self.device != 'cpu'
            return (on_cpu(self._configured), to_cpu) if may_leave else None
        if kind is DeviceLost and self.device != 'cpu':
            return on_cpu(now), to_cpu
        precision = self.precision if now.precision == AUTO else now.precision
        if kind is NotFinite and precision != 'fp32':
            wider = 'bf16' if precision == 'fp16' else 'fp32'
            text = f'the depth network runs in {wider} instead of {precision}'
            return replace(now, precision=wider), text
        return None


def on_cpu(settings: PredictorSettings) -> PredictorSettings:
    """Return the same settings for the CPU, which has no fp16."""
    precision = AUTO if settings.precision == 'fp16' else settings.precision
    return replace(settings, device='cpu', precision=precision)


def _shrunk(side_px: int) -> int:
    return int(_STEP * side_px) // _MULTIPLE_PX * _MULTIPLE_PX
