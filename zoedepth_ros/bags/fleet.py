"""Many recordings: one after the other, or in processes side by side."""

from __future__ import annotations

import logging
import multiprocessing
import queue
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol

from zoedepth_ros.bags.add_depth import add_depth, predict_part
from zoedepth_ros.bags.errors import ExistsError
from zoedepth_ros.bags.finished import fingerprint, finished, request
from zoedepth_ros.bags.output import partial_path
from zoedepth_ros.bags.pieces import Span
from zoedepth_ros.bags.plan import DepthOptions, Plan, Report, make_plan
from zoedepth_ros.errors import in_one_line
from zoedepth_ros.inference.contract import contract_file
from zoedepth_ros.inference.result import DepthPredictor, check_head

TRIES = 2
"""How often a recording is begun whose process dies."""

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

    recover: bool = False
    """Whether damage is tolerated."""

    overwrite: bool = False
    """Whether `target` is replaced."""

    resume: bool | None = None
    """Whether unfinished work is resumed; None for 'unless `target` is replaced'."""

    def plan(self) -> Plan:
        """Settle it; raises RecordingError and OSError."""
        return make_plan(
            self.source,
            self.target,
            self.options,
            recover=self.recover,
            overwrite=self.overwrite,
            resume=self.resume,
        )

    def again(self, before: FileIdentity) -> Job:
        """Return the job for another attempt, which goes on with what the first one has left.

        before: `file_identity` of `target` before the first attempt, which may have replaced it.
        """
        is_replaced = file_identity(self.target) != before
        return replace(self, resume=True, overwrite=self.overwrite and not is_replaced)


FileIdentity = tuple[int, int, int] | None


def file_identity(path: Path) -> FileIdentity:
    """Identify a file, unlike one that replaces it; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


@dataclass(frozen=True, slots=True)
class Model:
    """The predictor that every process builds for itself."""

    name: str
    """A preset's name."""

    weights: str = ''
    """A file, 'random', or '' for the released ones."""

    device: str = 'auto'
    """auto, cpu, cuda or cuda:N."""

    precision: str = 'auto'
    """auto, fp32, bf16 or fp16."""

    def build(self) -> DepthPredictor:
        """Build it; raises what `open_predictor` raises."""
        from zoedepth_ros.build import open_predictor

        return open_predictor(self.name, self.weights, self.device, self.precision)

    def request(self) -> dict[str, str]:
        """Return what its depth depends on; raises OSError for weights that cannot be read."""
        path = Path(self.weights).expanduser()
        content = ''
        if self.weights and path.is_file():
            content = ' '.join(fingerprint(f) for f in (path, contract_file(path)) if f.is_file())
        weights = content or self.weights
        return {'model': self.name, 'weights': weights, 'precision': self.precision}


class Watcher(Protocol):
    """Receive the progress of the work."""

    def expect(self, images: int) -> None:
        """Know of more images to come."""

    def advance(self, images: int) -> None:
        """Note that images are done."""


Result = Report | str
"""What was done, or why it was not."""


def run_here(jobs: Sequence[Job], model: Model, watcher: Watcher) -> Iterator[tuple[Job, Result]]:
    """Work on one recording after the other; the model is built once, when it is needed."""
    build = cache(model.build)
    for job in jobs:
        yield job, attempt(job, model, build, watcher)


def run_with_processes(
    jobs: Sequence[Job], model: Model, count: int, watcher: Watcher
) -> Iterator[tuple[Job, Result]]:
    """Work on `count` recordings at a time; gives them as they become ready.

    A process that dies takes its recording along only: that is tried once more, and goes on where
    it was.
    """
    context = multiprocessing.get_context('spawn')  # CUDA does not survive a fork
    waiting, deaths = deque(jobs), Counter[Path]()
    before = {job.target: file_identity(job.target) for job in jobs}
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
                deaths[job.target] += 1
                if deaths[job.target] < TRIES:
                    waiting.append(job.again(before[job.target]))
                else:
                    yield job, f'{job.source}: the process working on it died {TRIES} times'


class _Events:
    """Report to the watcher of another process."""

    def __init__(self, events: Any) -> None:
        self._events = events

    def expect(self, images: int) -> None:
        """Pass it on."""
        self._events.put(('expect', images))

    def advance(self, images: int) -> None:
        """Pass it on."""
        self._events.put(('advance', images))


_process: dict[str, Any] = {}


def _start_process(model: Model, events: Any) -> None:
    """Remember, in a worker process, what it works with."""
    _process.update(model=model, build=cache(model.build), watcher=_Events(events))


def _run_in_process(job: Job) -> Result:
    return attempt(job, _process['model'], _process['build'], _process['watcher'])


def attempt(
    job: Job,
    model: Model,
    build: Callable[[], DepthPredictor],
    watcher: Watcher,
    parts: Sequence[Span] = (),
) -> Result:
    """Do a job, unless it is done; whatever goes wrong is its failure and stops no other job.

    build: gives the model's predictor.  parts: what `attempt_part` has done.
    """
    try:
        return _do(job, model, build, watcher, parts)
    except Exception as error:
        return failure(job, error)


def attempt_part(
    job: Job, model: Model, build: Callable[[], DepthPredictor], watcher: Watcher, span: Span
) -> str:
    """Predict a part of a job; gives what went wrong, which costs no more than its time."""
    try:
        wanted = request(job.source, job.options, model.request())
        plan = job.plan()
        watcher.expect(span.end - span.first)
        predict_part(plan, build(), span, lambda: watcher.advance(1), request=wanted)
    except Exception as error:
        return failure(job, error)
    return ''


def image_counts(jobs: Sequence[Job]) -> dict[Path, int]:
    """Return the images of each job by its target, 0 for one that is begun or cannot be done."""
    return {job.target: _image_count(job) for job in jobs}


def _image_count(job: Job) -> int:
    try:
        is_begun = partial_path(job.target).exists()
        return 0 if is_begun else job.plan().inputs.image_count
    except Exception:  # doing the job reports it
        return 0


def _do(
    job: Job,
    model: Model,
    build: Callable[[], DepthPredictor],
    watcher: Watcher,
    parts: Sequence[Span],
) -> Report:
    wanted = request(job.source, job.options, model.request())
    try:
        plan = job.plan()
        watcher.expect(plan.inputs.image_count)
        predictor = build()
        check_head(job.options.settings.router_mode, predictor.heads)
        advance = partial(watcher.advance, 1)
        return add_depth(plan, predictor, advance, request=wanted, parts=parts)
    except ExistsError:  # or another process has finished it meanwhile
        return finished(job.target, wanted)


def _result_of(job: Job, future: Future[Result]) -> Result:
    error = future.exception()
    return future.result() if error is None else failure(job, error)


def failure(job: Job, error: BaseException) -> str:
    """Return which recording failed and why, in one line, with the type of an unexpected error."""
    text = in_one_line(error)
    if not isinstance(error, (ValueError, OSError)):
        logging.getLogger(__name__).debug('%s failed', job.source, exc_info=error)
        text = f'{type(error).__name__}: {text}'
    is_named = str(job.source) in text or str(job.target) in text
    return text if is_named else f'{job.source}: {text}'


def _pass_on(events: Any, watcher: Watcher) -> None:
    """Pass on to the watcher what the processes have sent, and what they send very soon."""
    end_s = time.monotonic() + _LOOK_UP_S
    with suppress(queue.Empty):
        while True:
            name, images = events.get(timeout=max(0.0, end_s - time.monotonic()))
            getattr(watcher, name)(images)
