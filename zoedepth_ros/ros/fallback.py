"""Go on with less when the network cannot run as asked, and say so; knows no torch."""

from __future__ import annotations

import gc
import math
import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.inference.result import (
    AUTO,
    BatchPredictor,
    DepthResult,
    DeviceLost,
    InferenceError,
    NotFinite,
    OutOfMemory,
)
from zoedepth_ros.ros.fallback_steps import Size, next_step
from zoedepth_ros.ros.parameters import PredictorSettings
from zoedepth_ros.ros.predictor_metadata import TellsFacts, facts_of

BATCH = 'batch'
MakePredictor = Callable[[PredictorSettings], BatchPredictor]


class DegradingPredictor(TellsFacts):
    """Run a predictor and, when it fails for want of means, one that needs less.

    Too little memory: a smaller network.  CUDA lost: the CPU.  Half precision that gives values
    which are not finite: fp32.  The picture that met the failure is given up, for it is old by
    the time the other network is ready.  Implements BatchPredictor.
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
        self._reasons: dict[type[InferenceError] | str, str] = {}
        self.batch_limit: int | None = None
        """Pictures that fit into the device's memory at once; None while nobody knows better."""
        self._settings = asked
        self._predictor: BatchPredictor | None = None
        self._size_px: Size = (0, 0)
        self._swap(asked)

    @property
    def preprocess_ms(self) -> float:
        """How long the last picture took to reach the network [ms]."""
        return math.nan if self._predictor is None else self._predictor.preprocess_ms

    @property
    def device_memory_mb(self) -> float:
        """Memory held on the device [MB]."""
        return math.nan if self._predictor is None else self._predictor.device_memory_mb

    @property
    def optimization_note(self) -> str:
        """Why the network runs slower than it was asked to; '' when it does not."""
        return '' if self._predictor is None else self._predictor.optimization_note

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
        slower = self.optimization_note
        return (*told, slower) if slower else told

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

    def predict_batch(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        heads: Sequence[str],
        *,
        routes: Sequence[bool],
    ) -> list[DepthResult]:
        """Predict several pictures; see BatchPredictor.

        Too little memory for them together makes the batches smaller first.  Values that are not
        finite may be one picture's doing and change nothing before that one came alone.
        """
        if self._recover_if_asked():
            raise InferenceError('the pictures were given up for the recovery')
        try:
            return self._running().predict_batch(pictures, heads, routes=routes)
        except NotFinite:
            raise
        except InferenceError as error:
            kind, text = type(error), str(error)
        if kind is OutOfMemory and len(pictures) > 1:
            self._take_less(len(pictures) // 2, text)
        else:
            self._step_down(kind, text, (pictures[0].shape[0], pictures[0].shape[1]))
        raise kind(text)

    def _take_less(self, pictures: int, text: str) -> None:
        self.batch_limit = pictures
        with self._lock:
            self._reasons[BATCH] = f'at most {pictures} pictures at once ({text})'
        self._warn(f'{text}: at most {pictures} pictures at once')

    def _running(self) -> BatchPredictor:
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
        self._facts = facts_of(made)
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
            self.batch_limit = None
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
        size = self.network_size(*picture)
        return next_step(
            kind, self._settings, device=self.device, precision=self.precision, network_size=size
        )
