"""One network for all cameras: pictures that wait together go through it together."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from zoedepth_ros.inference.result import (
    AUTO,
    BatchPredictor,
    DepthResult,
    InferenceError,
    NotFinite,
)
from zoedepth_ros.pipeline.focal_correction import brought_back
from zoedepth_ros.ros.frame import Frame
from zoedepth_ros.ros.processor import FrameProcessor
from zoedepth_ros.ros.task import Answer, Task

Arrivals = Sequence[tuple[FrameProcessor, Frame]]
"""Frames of different cameras, each with what its camera keeps."""
Work = tuple[FrameProcessor, Task]

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
            tasks = [(processor, task) for processor, task in prepared if task is not None]
            alone = [work for work in tasks if work[0] in self._failed]
            together = [work for work in tasks if work[0] not in self._failed]
            for group in (together, *([work] for work in alone)):
                if group:
                    self._run(group)

    def _run(self, group: list[Work]) -> None:
        try:
            answers = self._answers([task for _, task in group])
        except Exception as error:
            if len(group) > 1 and _may_be_ones_fault(error):
                for work in group:
                    self._run([work])
                return
            for processor, _ in group:
                self._failed.add(processor)
                processor.fail(error)
            return
        for (processor, task), answer in zip(group, answers, strict=True):
            self._failed.discard(processor)
            processor.finish(task, answer)

    def _answers(self, tasks: list[Task]) -> list[Answer]:
        """Ask the network, through the training camera's eyes where that is wished."""
        start_s = time.monotonic()
        # Which training camera depends on the head.
        heads = [
            self._predictor(task.rgb).head if task.warps and task.head == AUTO else task.head
            for task in tasks
        ]
        warps = [
            task.warp(head) if task.warps else None
            for task, head in zip(tasks, heads, strict=True)
        ]
        pictures = [
            task.rgb if warp is None else warp.image(task.rgb)
            for task, warp in zip(tasks, warps, strict=True)
        ]
        results = self._predict(pictures, heads, [task.route for task in tasks])
        seen = [
            result if warp is None else brought_back(warp, result)
            for result, warp in zip(results, warps, strict=True)
        ]
        took_ms, before_ms = 1e3 * (time.monotonic() - start_s), self._predictor.preprocess_ms
        self._picture_ms = took_ms / len(tasks)
        network_ms = took_ms if math.isnan(before_ms) else took_ms - before_ms
        return [Answer(result, before_ms, network_ms, len(tasks)) for result in seen]

    def _predict(
        self, pictures: list[np.ndarray], heads: list[str], routes: list[bool]
    ) -> list[DepthResult]:
        if len(pictures) == 1:
            return [self._predictor(pictures[0], heads[0], route=routes[0])]
        return self._predictor.predict_batch(pictures, heads, routes=routes)


def _may_be_ones_fault(error: Exception) -> bool:
    """Tell whether one picture may have spoilt it for the others; a lost device spoils all."""
    return isinstance(error, NotFinite) or not isinstance(error, InferenceError)
