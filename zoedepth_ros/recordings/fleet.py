"""Many recordings: one after the other, in processes side by side, or over a Ray cluster."""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
import queue
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from zoedepth_ros.errors import in_one_line
from zoedepth_ros.inference.result import DepthPredictor, check_head
from zoedepth_ros.recordings.add_depth import add_depth
from zoedepth_ros.recordings.errors import RecordingError
from zoedepth_ros.recordings.plan import DepthOptions, Plan, Report, make_plan

_LOOK_UP_S = 0.1
_TRIES = 2  # of a recording whose process dies


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
    build = cache(model.build)
    for job in jobs:
        yield job, _attempt(job, build, watcher)


def run_with_processes(
    jobs: Sequence[Job], model: Model, count: int, watcher: Watcher
) -> Iterator[tuple[Job, Result]]:
    """Work on `count` recordings at a time; gives them as they become ready.

    A process that dies takes its recording along only: that is tried once more, and goes on where
    it was.
    """
    context = multiprocessing.get_context('spawn')  # CUDA does not survive a fork
    waiting, deaths = deque(jobs), Counter[Job]()
    running: dict[Future[Result], tuple[Job, ProcessPoolExecutor]] = {}
    with context.Manager() as manager, ExitStack() as pools:
        events: Any = manager.Queue()

        def start() -> ProcessPoolExecutor:  # one process each, so that it dies alone
            start_process = partial(_start_process, model, events)
            return pools.enter_context(ProcessPoolExecutor(1, context, start_process))

        idle = [start() for _ in range(min(count, len(jobs)))]
        while waiting or running:
            while waiting and idle:
                job, pool = waiting.popleft(), idle.pop()
                running[pool.submit(_run_in_process, job)] = job, pool
            done = [future for future in running if future.done()]
            _pass_on(events, watcher)  # what a job that is done has sent is among them
            for future in done:
                job, pool = running.pop(future)
                if not isinstance(future.exception(), BrokenProcessPool):
                    idle.append(pool)
                    yield job, _result_of(job, future)
                    continue
                idle.append(start())
                deaths[job] += 1
                if deaths[job] < _TRIES:
                    waiting.append(job)
                else:
                    yield job, f'{job.source}: the process working on it died {_TRIES} times'


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
        return index, _attempt(job, lambda: self._predictor, _Nobody())


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
    _process.update(build=cache(model.build), watcher=_Events(events))


def _run_in_process(job: Job) -> Result:
    return _attempt(job, _process['build'], _process['watcher'])


def _attempt(job: Job, build: Callable[[], DepthPredictor], watcher: Watcher) -> Result:
    """Do a job; whatever goes wrong with it becomes its failure and stops no other job."""
    try:
        plan = job.plan()
        watcher.expect(plan.inputs.picture_count)
        predictor = build()
        check_head(job.options.head, predictor.heads)
        return add_depth(plan, predictor, lambda: watcher.advance(1))
    except Exception as error:
        return _failure(job, error)


def _result_of(job: Job, future: Future[Result]) -> Result:
    error = future.exception()
    return future.result() if error is None else _failure(job, error)


def _failure(job: Job, error: BaseException) -> str:
    """Say which recording failed and why, in one line; with the kind of an unexpected error."""
    text = in_one_line(error)
    if not isinstance(error, (ValueError, OSError)):
        logging.getLogger(__name__).debug('%s failed', job.source, exc_info=error)
        text = f'{type(error).__name__}: {text}'
    is_named = str(job.source) in text or str(job.target) in text
    return text if is_named else f'{job.source}: {text}'


def _pass_on(events: Any, watcher: Watcher) -> None:
    """Give the watcher all that the processes have sent, and what they send within a moment."""
    end_s = time.monotonic() + _LOOK_UP_S
    with suppress(queue.Empty):
        while True:
            name, images = events.get(timeout=max(0.0, end_s - time.monotonic()))
            getattr(watcher, name)(images)
