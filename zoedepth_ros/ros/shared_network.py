"""One network for all cameras: pictures that wait together go through it together."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from zoedepth_ros.inference.result import (
    BatchPredictor,
    DepthResult,
    InferenceError,
    NotFinite,
)
from zoedepth_ros.pipeline.request import predict_batch
from zoedepth_ros.ros.frame import Frame
from zoedepth_ros.ros.processor import FrameProcessor, Prepared, RunTimes

Arrivals = Sequence[tuple[FrameProcessor, Frame]]
"""Frames of different cameras, each with what its camera keeps."""
Work = tuple[FrameProcessor, Prepared]

QUICK_MS = 100.0
"""A network that takes less for a picture on the CPU makes no picture late by a batch [ms]."""


class SharedNetwork:
    """Take frames of several cameras through one predictor; runs in the inference thread."""

    def __init__(self, predictor: BatchPredictor) -> None:
        self._predictor = predictor
        self._picture_ms = math.inf  # of the last run
        self._failed: set[FrameProcessor] = set()  # whose last picture the network choked on
        self._busy = threading.Lock()

    @property
    def likes_batches(self) -> bool:
        """Whether pictures are better off together than one by one.

        A CPU works on a batch hardly faster than on its pictures in a row, so that a slow network
        would only make the first ones late.
        """
        return self._predictor.device != 'cpu' or self._picture_ms < QUICK_MS

    def warm_up(self, height: int, width: int, batch: int) -> None:
        """Run on empty pictures, alone and as many at once as there may be."""
        self._predictor.warm_up(height, width)
        if batch > 1:
            grey = np.full((height, width, 3), 128, np.uint8)
            head = self._predictor.heads[0]
            with suppress(InferenceError):  # one that degrades takes less from here on
                self._predictor.predict_batch(
                    [grey] * batch, [head] * batch, routes=[True] * batch
                )

    def work(self, frames: Arrivals) -> None:
        """Turn the frames, of different cameras, into whatever is due and listened to.

        What goes wrong with one of them is that camera's own business.
        """
        with self._busy:  # a thread that outlived its deactivation may still be inside
            prepared = [(processor, processor.prepare(frame)) for processor, frame in frames]
            due = [(processor, image) for processor, image in prepared if image is not None]
            alone = [work for work in due if work[0] in self._failed]
            together = [work for work in due if work[0] not in self._failed]
            for group in (together, *([work] for work in alone)):
                if group:
                    self._run(group)

    def _run(self, group: list[Work]) -> None:
        try:
            results, times = self._predict([prepared for _, prepared in group])
        except Exception as error:
            if len(group) > 1 and _may_be_ones_fault(error):
                for work in group:
                    self._run([work])
                return
            for processor, _ in group:
                self._failed.add(processor)
                processor.fail(error)
            return
        for (processor, prepared), result in zip(group, results, strict=True):
            self._failed.discard(processor)
            processor.finish(prepared, result, times)

    def _predict(self, group: list[Prepared]) -> tuple[list[DepthResult], RunTimes]:
        """Run the network on images that go through it together."""
        start_s = time.monotonic()
        results = predict_batch(self._predictor, [prepared.request for prepared in group])
        took_ms, before_ms = 1e3 * (time.monotonic() - start_s), self._predictor.preprocess_ms
        self._picture_ms = took_ms / len(group)
        network_ms = took_ms if math.isnan(before_ms) else took_ms - before_ms
        return results, RunTimes(before_ms, network_ms, len(group))


def _may_be_ones_fault(error: Exception) -> bool:
    """Tell whether one picture may have spoilt it for the others; a lost device spoils all."""
    return isinstance(error, NotFinite) or not isinstance(error, InferenceError)
