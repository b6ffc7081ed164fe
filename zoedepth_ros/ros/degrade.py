"""Go on with less when the network cannot run as asked, and say so; knows no torch."""

from __future__ import annotations

import gc
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.inference.result import (
    AUTO,
    DepthPredictor,
    DepthResult,
    DeviceLost,
    InferenceError,
    NotFinite,
    OutOfMemory,
)

from .parameters import PredictorSettings

SMALLEST_SIDE_PX = 128
_STEP = 0.75  # of both sides: about half the memory of the attention
_MULTIPLE_PX = 32

Size = tuple[int, int]
MakePredictor = Callable[[PredictorSettings], DepthPredictor]


@dataclass(frozen=True, slots=True)
class _Facts:
    """Hold what is told of a predictor, also while there is none: never the predictor itself."""

    model_name: str
    """As in DepthPredictor."""

    heads: tuple[str, ...]
    """As in DepthPredictor."""

    device: str
    """As in DepthPredictor."""

    precision: str
    """As in DepthPredictor."""

    weights_origin: str
    """As in DepthPredictor."""

    trained_on: str
    """As in DepthPredictor."""

    training_hfov_rad: float
    """As in DepthPredictor."""


class DegradingPredictor:
    """Run a predictor and, when it fails for want of means, one that needs less.

    Too little memory: a smaller network.  CUDA lost: the CPU.  Half precision that gives values
    which are not finite: fp32.  The picture that met the failure is given up, for it is old by
    the time the other network is ready.  Implements DepthPredictor.
    """

    def __init__(
        self, make: MakePredictor, asked: PredictorSettings, warn: Callable[[str], None]
    ) -> None:
        """Build and hold one predictor.

        warn: told every step.  Raises what `make` raises.
        """
        self._make, self._asked, self._warn = make, asked, warn
        self._lock = threading.Lock()  # between the inference thread and whoever asks
        self._recovery_asked = False
        self._reasons: dict[type[InferenceError], str] = {}
        self._settings = asked
        self._predictor: DepthPredictor | None = None
        self._size_px: Size = (0, 0)
        self._facts: _Facts
        self._swap(asked)

    @property
    def model_name(self) -> str:
        """The preset."""
        return self._facts.model_name

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads that the model has."""
        return self._facts.heads

    @property
    def device(self) -> str:
        """Where it runs now."""
        return self._facts.device

    @property
    def precision(self) -> str:
        """What it computes in now."""
        return self._facts.precision

    @property
    def weights_origin(self) -> str:
        """Where the parameters came from."""
        return self._facts.weights_origin

    @property
    def trained_on(self) -> str:
        """'' for released weights, otherwise a warning."""
        return self._facts.trained_on

    @property
    def training_hfov_rad(self) -> float:
        """Field of view of the camera as if through which depth is told [rad]; 0.0 for unknown."""
        return self._facts.training_hfov_rad

    @property
    def preprocess_ms(self) -> float:
        """How long the last picture took to reach the network [ms]."""
        return math.nan if self._predictor is None else self._predictor.preprocess_ms

    @property
    def device_memory_mb(self) -> float:
        """Memory held on the device [MB]."""
        return math.nan if self._predictor is None else self._predictor.device_memory_mb

    @property
    def failed(self) -> bool:
        """Whether nothing runs any more until somebody asks for recovery."""
        return self._predictor is None

    @property
    def notices(self) -> tuple[str, ...]:
        """In which ways it does less than was asked, in words; empty when all is well."""
        with self._lock:
            told = tuple(self._reasons.values())
        if self._asked.device == AUTO and self.device == 'cpu' and DeviceLost not in self._reasons:
            told = ('no CUDA device: the network runs on the CPU (device: cpu says so)', *told)
        return told

    def recover(self) -> bool:
        """Ask for what was asked at first, from the next picture on; False when nothing lacks."""
        with self._lock:
            self._recovery_asked = bool(self._reasons)
            return self._recovery_asked

    def network_size(self, height: int, width: int) -> Size:
        """Give the size inside the network; the last one known while there is none."""
        if self._predictor is not None:
            self._size_px = self._predictor.network_size(height, width)
        return self._size_px

    def warm_up(self, height: int, width: int) -> None:
        """Run once on an empty picture; steps down until that works.

        An explicitly asked device that fails here is an error.
        """
        while True:
            try:
                return self._running().warm_up(height, width)
            except InferenceError as error:
                if isinstance(error, DeviceLost) and self._asked.device != AUTO:
                    raise
                kind, text = type(error), str(error)
            if not self._step_down(kind, text, (height, width)):
                raise kind(text)

    def __call__(
        self, rgb: NDArray[np.uint8], head: str = AUTO, *, route: bool = True
    ) -> DepthResult:
        """Predict; see DepthPredictor.  Raises InferenceError also after stepping down."""
        if self._recover_if_asked():
            raise InferenceError('the picture was given up for the recovery')
        try:
            return self._running()(rgb, head, route=route)
        except InferenceError as error:  # left before the next network: it holds this one's maps
            kind, text = type(error), str(error)
        self._step_down(kind, text, (rgb.shape[0], rgb.shape[1]))
        raise kind(text)

    def _running(self) -> DepthPredictor:
        if self._predictor is None:
            reasons = '; '.join(self._reasons.values())
            raise InferenceError(
                f'the network is out of service, ~/recover tries again: {reasons}'
            )
        return self._predictor

    def _swap(self, settings: PredictorSettings) -> None:
        self._predictor = None  # first: two may not fit
        gc.collect()
        made = self._make(settings)
        self._facts = _Facts(
            made.model_name,
            made.heads,
            made.device,
            made.precision,
            made.weights_origin,
            made.trained_on,
            made.training_hfov_rad,
        )
        self._predictor, self._settings = made, settings

    def _recover_if_asked(self) -> bool:
        with self._lock:
            if not self._recovery_asked:
                return False
            self._recovery_asked = False
            before, self._reasons = self._reasons, {}
        self._warn('recovery: the network is built as it was asked for')
        try:
            self._swap(self._asked)
        except (InferenceError, ValueError, OSError) as error:
            with self._lock:
                self._reasons = before
            self._warn(f'no recovery: {error}')
            self._rebuild_less()
        return True

    def _rebuild_less(self) -> None:
        try:
            self._swap(self._settings)
        except (InferenceError, ValueError, OSError) as error:
            self._warn(f'the network cannot be built any more: {error}')

    def _step_down(self, kind: type[InferenceError], text: str, picture: Size) -> bool:
        """Build the next lesser predictor; False when this failure leaves nothing to try."""
        while (step := self._next(kind, picture)) is not None:
            settings, now = step
            with self._lock:
                self._reasons[kind] = f'{now} ({text})'
            self._warn(f'{text}: {now}')
            self._settings = settings
            try:
                self._swap(settings)
                return True
            except InferenceError as error:
                kind, text = type(error), str(error)
            except (ValueError, OSError) as error:  # for example a backbone of one size only
                self._warn(f'nothing less can be built: {error}')
                break
        if kind in (OutOfMemory, DeviceLost):
            self._predictor = None
            with self._lock:
                self._reasons[kind] = text
        return False

    def _next(
        self, kind: type[InferenceError], picture: Size
    ) -> tuple[PredictorSettings, str] | None:
        """Give the settings of the next step down for one kind of failure, and its name."""
        now = self._settings
        if kind is OutOfMemory:
            height, width = self.network_size(*picture)
            if now.network_height:  # already fixed or stepped down
                height, width = now.network_height, now.network_width or width
            size = tuple(_shrunk(side) for side in (height, width))
            if min(size) < SMALLEST_SIDE_PX:
                return None
            less = replace(now, network_height=size[0], network_width=size[1])
            return less, f'the network sees {size[0]} x {size[1]} px instead of {height} x {width}'
        if kind is DeviceLost and self.device != 'cpu':
            half = now.precision == 'fp16'  # which the CPU does not have
            return replace(now, device='cpu', precision=AUTO if half else now.precision), (
                f'the network runs on the CPU instead of {self.device}'
            )
        if kind is NotFinite and self.precision != 'fp32':
            return replace(now, precision='fp32'), f'fp32 instead of {self.precision}'
        return None


def _shrunk(side_px: int) -> int:
    return int(_STEP * side_px) // _MULTIPLE_PX * _MULTIPLE_PX
