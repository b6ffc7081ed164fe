"""Many recordings: one after the other, in processes side by side, or over a Ray cluster."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import queue
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from zoedepth_ros.inference.result import DepthPredictor, check_head
from zoedepth_ros.recordings.add_depth import add_depth
from zoedepth_ros.recordings.errors import RecordingError
from zoedepth_ros.recordings.plan import DepthOptions, Plan, Report, make_plan

_LOOK_UP_S = 0.1


@dataclass(frozen=True, slots=True)
class Job:
    """Describe the work on one recording; travels between processes."""

    source: Path
    """What is read."""

    target: Path
    """The .mcap file that is written."""

    options: DepthOptions
    """What is added."""

    salvage: bool = False
    """Whether damage is endured."""

    overwrite: bool = False
    """Whether `target` is replaced."""

    def plan(self) -> Plan:
        """Settle it; raises RecordingError and OSError."""
        return make_plan(
            self.source,
            self.target,
            self.options,
            salvage=self.salvage,
            overwrite=self.overwrite,
        )


@dataclass(frozen=True, slots=True)
class Model:
    """Say which predictor every process builds for itself."""

    name: str
    """A preset's name."""

    weights: str = ''
    """A file, 'random', or '' for the released ones."""

    device: str = 'auto'
    """auto, cpu, cuda or cuda:N."""

    precision: str = 'auto'
    """auto, fp32, bf16 or fp16."""

    def build(self) -> DepthPredictor:
        """Build it; raises what `build_predictor` raises."""
        from zoedepth_ros.build import build_predictor

        return build_predictor(self.name, self.weights, self.device, self.precision)


class Watcher(Protocol):
    """Be told how far the work is."""

    def expect(self, pictures: int) -> None:
        """Know of more pictures to come."""

    def advance(self, pictures: int) -> None:
        """Note that pictures are done."""


Result = Report | str
"""What was done, or why it was not."""


def run_here(jobs: Sequence[Job], model: Model, watcher: Watcher) -> Iterator[tuple[Job, Result]]:
    """Work on one recording after the other; the model is built once, when it is needed."""
    predictor: DepthPredictor | None = None
    for job in jobs:
        try:
            plan = job.plan()
            watcher.expect(plan.inputs.picture_count)
            predictor = predictor or model.build()
            yield job, _work(job, plan, predictor, watcher)
        except (ValueError, OSError) as error:
            yield job, str(error)


def run_with_processes(
    jobs: Sequence[Job], model: Model, count: int, watcher: Watcher
) -> Iterator[tuple[Job, Result]]:
    """Work on `count` recordings at a time; gives them as they become ready."""
    context = multiprocessing.get_context('spawn')  # CUDA does not survive a fork
    with context.Manager() as manager:
        events: Any = manager.Queue()
        start = partial(_start_process, model, events)
        with ProcessPoolExecutor(min(count, len(jobs)), context, start) as pool:
            waiting: dict[Future[Result], Job] = {
                pool.submit(_run_in_process, job): job for job in jobs
            }
            while waiting:
                _pass_on(events, watcher)
                for future in [future for future in waiting if future.done()]:
                    yield waiting.pop(future), future.result()


def run_with_ray(jobs: Sequence[Job], model: Model, count: int) -> Iterator[tuple[Job, Result]]:
    """Spread the recordings over the Ray cluster that this machine belongs to, or over itself.

    count: workers; on a cluster with GPUs each has one.  Files must have the same names on every
    machine.  Raises RecordingError when Ray is not installed.
    """
    if find_spec('ray') is None:
        raise RecordingError('Ray is not installed: pip install ray')
    os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')  # else Ray reports to its makers
    ray: Any = importlib.import_module('ray')  # typed in places
    from ray.util import ActorPool

    if not ray.is_initialized():
        ray.init(include_dashboard=False, log_to_driver=False)  # RAY_ADDRESS names a cluster
    gpus = 1 if ray.cluster_resources().get('GPU') else 0
    worker = ray.remote(_RayWorker).options(num_gpus=gpus)
    pool = ActorPool([worker.remote(model) for _ in range(min(count, len(jobs)))])
    for index, result in pool.map_unordered(_hand_over, list(enumerate(jobs))):
        yield jobs[index], result


def _hand_over(worker: Any, item: tuple[int, Job]) -> Any:
    return worker.work.remote(*item)


class _RayWorker:
    """Work on recordings in a process of Ray's."""

    def __init__(self, model: Model) -> None:
        self._predictor = model.build()

    def work(self, index: int, job: Job) -> tuple[int, Result]:
        """Add depth to one recording; return its index and what became of it."""
        return index, _attempt(job, self._predictor, _Nobody())


class _Nobody:
    """Watch nothing."""

    def expect(self, pictures: int) -> None:
        """Do nothing."""

    def advance(self, pictures: int) -> None:
        """Do nothing."""


class _Events:
    """Tell another process's watcher."""

    def __init__(self, events: Any) -> None:
        self._events = events

    def expect(self, pictures: int) -> None:
        """Pass it on."""
        self._events.put(('expect', pictures))

    def advance(self, pictures: int) -> None:
        """Pass it on."""
        self._events.put(('advance', pictures))


_process: dict[str, Any] = {}


def _start_process(model: Model, events: Any) -> None:
    """Remember, in a worker process, what it works with."""
    _process.update(model=model, watcher=_Events(events), predictor=None)


def _run_in_process(job: Job) -> Result:
    try:
        plan = job.plan()
        _process['watcher'].expect(plan.inputs.picture_count)
        _process['predictor'] = _process['predictor'] or _process['model'].build()
        return _work(job, plan, _process['predictor'], _process['watcher'])
    except (ValueError, OSError) as error:
        return str(error)


def _attempt(job: Job, predictor: DepthPredictor, watcher: Watcher) -> Result:
    try:
        return _work(job, job.plan(), predictor, watcher)
    except (ValueError, OSError) as error:
        return str(error)


def _work(job: Job, plan: Plan, predictor: DepthPredictor, watcher: Watcher) -> Report:
    check_head(job.options.head, predictor.heads)
    return add_depth(plan, predictor, lambda: watcher.advance(1))


def _pass_on(events: Any, watcher: Watcher) -> None:
    """Tell the watcher what the processes tell within a moment."""
    end_s = time.monotonic() + _LOOK_UP_S
    with suppress(queue.Empty):
        while time.monotonic() < end_s:
            name, pictures = events.get(timeout=_LOOK_UP_S)
            getattr(watcher, name)(pictures)
