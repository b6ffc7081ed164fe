"""Many recordings: one after the other, or in processes side by side."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections import Counter, deque
from collections.abc import Iterator, MutableSequence, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol

from zoedepth_ros.bags.add_depth import add_depth
from zoedepth_ros.bags.errors import ExistsError
from zoedepth_ros.bags.finished import fingerprint, finished, request
from zoedepth_ros.bags.mcap_writer import partial_path
from zoedepth_ros.bags.pieces import Span, predict_piece
from zoedepth_ros.bags.plan import Job, Report, file_identity, make_plan
from zoedepth_ros.errors import EXIT_CONTEXT_LOST, describe, in_one_line
from zoedepth_ros.inference.contract import contract_file
from zoedepth_ros.inference.result import ContextLost, DepthPredictor, check_head
from zoedepth_ros.inference.uncertainty import file_beside
from zoedepth_ros.weights.known_weights import MODELS
from zoedepth_ros.weights.locations import cached

TRIES = 2
"""How often a recording is begun whose process dies."""

_LOOK_UP_S = 0.1


@dataclass(frozen=True, slots=True)
class Model:
    """The predictor that every process builds for itself."""

    name: str
    """A preset's name."""

    weights: str
    """A file, 'random', or '' for the released ones."""

    device: str
    """auto, cpu, cuda or cuda:N."""

    precision: str
    """auto, fp32, bf16 or fp16."""

    def build(self) -> DepthPredictor:
        """Build it; raises what `open_predictor` raises."""
        from zoedepth_ros.build import open_predictor

        return open_predictor(self.name, self.weights, self.device, self.precision)

    def request(self) -> dict[str, str]:
        """Return what its depth depends on; raises OSError for weights that cannot be read."""
        given = Path(self.weights).expanduser()
        content = (given, contract_file(given)) if given.is_file() else ()
        path = given
        if not self.weights and self.name in MODELS:
            path = cached(self.name) or given
        beside = (file_beside(path),) if path.is_file() else ()
        return {
            'model': self.name,
            'weights': _marks(content) or self.weights,
            'precision': self.precision,
            'uncertainty_maps': _marks(beside),
        }


def _marks(files: Sequence[Path]) -> str:
    return ' '.join(fingerprint(file) for file in files if file.is_file())


class Watcher(Protocol):
    """Receive the progress of the work."""

    def expect(self, images: int) -> None:
        """Know of more images to come."""

    def advance(self, images: int) -> None:
        """Note that images are done."""


class Counts:
    """Count images where another thread or process can see the numbers."""

    def __init__(self, values: MutableSequence[int]) -> None:
        """values: images expected and done."""
        self.values = values

    def expect(self, images: int) -> None:
        """Know of more images to come."""
        self.values[0] += images

    def advance(self, images: int) -> None:
        """Note that images are done."""
        self.values[1] += images


@dataclass(slots=True)
class Progress:
    """Report to a watcher what another process has counted."""

    watcher: Watcher
    expected: int = 0
    done: int = 0

    def update(self, expected: int, done: int) -> None:
        """Take the newest counts."""
        self.watcher.expect(expected - self.expected)
        self.watcher.advance(done - self.done)
        self.expected, self.done = expected, done

    def lose(self) -> None:
        """Expect no more of the process: another one expects the rest anew."""
        self.watcher.expect(self.done - self.expected)


Result = Report | str
"""What was done, or why it was not."""


@dataclass(frozen=True, slots=True)
class Task:
    """Describe what a worker is given."""

    job: Job
    span: Span | None = None
    """A part of it to be predicted; None for the job itself."""

    parts: tuple[Span, ...] = ()
    """Those that have been predicted."""

    @property
    def key(self) -> tuple[Path, Span | None]:
        """Identify it."""
        return self.job.target, self.span


class Worker:
    """Work on one recording after the other; the model is built once, when it is needed."""

    def __init__(self, model: Model, watcher: Watcher) -> None:
        self._model, self._build, self._watcher = model, cache(model.build), watcher

    def work(self, task: Task) -> Result:
        """Do a task, unless it is done; whatever goes wrong is its failure and stops no other.

        Raises ContextLost, after which this process can do no task.
        """
        try:
            return self._work(task)
        except ContextLost:
            raise
        except Exception as error:
            return _failure(task.job, error)

    def work_or_exit(self, task: Task) -> Result:
        """Do a task in a process that is replaced when it ends, as after ContextLost."""
        try:
            return self.work(task)
        except ContextLost as error:
            logging.getLogger(__name__).error(in_one_line(error))
            os._exit(EXIT_CONTEXT_LOST)

    def _work(self, task: Task) -> Result:
        job, span = task.job, task.span
        wanted = request(job.source, job.options, self._model.request())
        watcher = Counts([0, 0]) if task.parts else self._watcher  # parts have been counted
        advance = partial(watcher.advance, 1)
        try:
            plan = make_plan(job)
            watcher.expect(span.end - span.first if span else plan.inputs.image_count)
            predictor = self._build()
            check_head(job.options.settings.router_mode, predictor.heads)
            if span is None:
                return add_depth(plan, predictor, advance, request=wanted, parts=task.parts)
            predict_piece(plan, predictor, span, advance, request=wanted)
            return ''
        except ExistsError:  # or another process has finished it meanwhile
            return finished(job.target, wanted)


def _failure(job: Job, error: BaseException) -> str:
    """Return which recording failed and why, in one line."""
    text = describe(error)
    if not isinstance(error, (ValueError, OSError)):
        logging.getLogger(__name__).debug('%s failed', job.source, exc_info=error)
    is_named = str(job.source) in text or str(job.target) in text
    return text if is_named else f'{job.source}: {text}'


def image_counts(jobs: Sequence[Job]) -> dict[Path, int]:
    """Return the images of each job by its target, 0 for one that is begun or cannot be done."""
    return {job.target: _image_count(job) for job in jobs}


def _image_count(job: Job) -> int:
    try:
        is_begun = partial_path(job.target).exists()
        return 0 if is_begun else make_plan(job).inputs.image_count
    except Exception:  # doing the job reports it
        return 0


def run_here(jobs: Sequence[Job], model: Model, watcher: Watcher) -> Iterator[tuple[Job, Result]]:
    """Work on one recording after the other."""
    worker = Worker(model, watcher)
    for job in jobs:
        yield job, worker.work(Task(job))


def run_with_processes(
    jobs: Sequence[Job], model: Model, count: int, watcher: Watcher
) -> Iterator[tuple[Job, Result]]:
    """Work on `count` recordings at a time; gives them as they become ready.

    A process that dies takes its recording along only: that is tried once more, and goes on where
    it was.
    """
    waiting, deaths = deque(jobs), Counter[Path]()
    before = {job.target: file_identity(job.target) for job in jobs}
    running: dict[Future[Result], tuple[Job, _Process]] = {}
    with ExitStack() as pools:

        def start() -> _Process:
            process = _Process(model, watcher)
            pools.enter_context(process.pool)
            return process

        idle = [start() for _ in range(min(count, len(jobs)))]
        while waiting or running:
            while waiting and idle:
                job, process = waiting.popleft(), idle.pop()
                running[process.pool.submit(_work, job)] = job, process
            done, _ = wait(running, _LOOK_UP_S, FIRST_COMPLETED)
            for _, process in running.values():
                process.progress.update(*process.counts)
            for future in done:
                job, process = running.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    process.progress.lose()
                    idle.append(start())
                    deaths[job.target] += 1
                    if deaths[job.target] < TRIES:
                        waiting.append(job.again(before[job.target]))
                        continue
                    result = (
                        f'{job.source}: the process that processed this recording ended '
                        f'unexpectedly {TRIES} times'
                    )
                else:
                    idle.append(process)
                yield job, result


class _Process:
    """Own a process; each has a pool, so that it dies alone."""

    def __init__(self, model: Model, watcher: Watcher) -> None:
        context = multiprocessing.get_context('spawn')  # CUDA does not survive a fork
        self.counts: Any = context.RawArray('q', 2)  # without a lock, which might die with it
        self.progress = Progress(watcher)
        self.pool = ProcessPoolExecutor(1, context, _start, (model, self.counts))


_workers: list[Worker] = []
"""In a process of `run_with_processes`, its worker."""


def _start(model: Model, counts: MutableSequence[int]) -> None:
    _workers.append(Worker(model, Counts(counts)))


def _work(job: Job) -> Result:
    return _workers[0].work_or_exit(Task(job))
