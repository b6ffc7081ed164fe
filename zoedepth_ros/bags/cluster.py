"""Many recordings over a Ray cluster.

Nodes report which of the files they see.  Workers (actors, each with its own model, CPUs or
GPU) are placed on those that see some, and are given one recording after the other, or a part of a
long one.  What a worker had that dies is given to another, which goes on with the partial file.
"""

from __future__ import annotations

import importlib
import logging
import os
import secrets
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from zoedepth_ros.bags.errors import RecordingError, ResumeError
from zoedepth_ros.bags.fleet import (
    TRIES,
    Job,
    Model,
    Result,
    Watcher,
    attempt,
    attempt_part,
    file_identity,
    image_counts,
)
from zoedepth_ros.bags.output import check_target
from zoedepth_ros.bags.pieces import Span, piece_path, spans
from zoedepth_ros.errors import in_one_line
from zoedepth_ros.inference.threads import thread_environment

_NODE_TRIES = 5  # of a recording whose node is lost, which is rarely its fault
_TICK_S = 0.5
_PROBE_S = 60.0  # for a node to report its files, before work begins without it
_LOCK_S = 180.0  # a file server frees the locks of a lost machine within about 90 s
_STORE_BYTES = 80 << 20  # of shared memory, about the least Ray takes: jobs are small
_LEAST_IMAGES = 100  # of a part: to load a model for less does not pay
_LISTED = 3


def run_with_ray(
    jobs: Sequence[Job],
    model: Model,
    count: int,
    watcher: Watcher,
    say: Callable[[str], None],
) -> Iterator[tuple[Job, Result]]:
    """Spread the recordings over the Ray cluster that RAY_ADDRESS names, or over this machine.

    count: workers at most; on a cluster with GPUs each has one.  say: is given lines about nodes
    and workers.  Raises RecordingError when Ray is not installed or no node can work, ValueError
    for a device with a number, OSError when a folder of the targets cannot be written, and
    ConnectionError.
    """
    if find_spec('ray') is None:
        raise RecordingError('Ray is not installed: pip install ray')
    if model.device.startswith('cuda:'):
        raise ValueError(f'--ray gives every worker its own GPU: cuda, not {model.device}')
    with _marked({job.target.parent for job in jobs}) as markers, _connected() as ray:
        fleet = _Fleet(ray, jobs, model, count, watcher, say, markers)
        try:
            yield from fleet.results()
        finally:
            fleet.stop()


@contextmanager
def _marked(folders: set[Path]) -> Iterator[dict[Path, Path]]:
    """Put a new file into every folder, made if missing, by which a node recognizes the folder."""
    name = f'.zoedepth_{secrets.token_hex(8)}'
    markers = {folder: folder / name for folder in folders}
    try:
        for folder, marker in markers.items():
            folder.mkdir(parents=True, exist_ok=True)
            marker.open('xb').close()
        yield markers
    finally:
        for marker in markers.values():
            marker.unlink(missing_ok=True)


@contextmanager
def _connected() -> Iterator[Any]:
    """Return Ray, connected to a cluster; one of this machine's own is stopped at the end.

    That one listens on the loopback interface only, and its token is kept nowhere: by itself Ray
    listens on every interface and leaves the token in ~/.ray.
    """
    address = os.environ.get('RAY_ADDRESS') or 'local'
    is_own = address == 'local'
    settings = {'RAY_USAGE_STATS_ENABLED': '0'}  # else Ray reports to its makers
    if is_own:  # the first is Ray's own switch for 127.0.0.1, read as it is imported
        settings |= {'RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER': '0'}
        settings |= {'RAY_AUTH_TOKEN': secrets.token_hex(32)}
    new = [name for name in settings if name not in os.environ]
    os.environ.update({name: settings[name] for name in new})
    options = {'include_dashboard': False, 'object_store_memory': _STORE_BYTES} if is_own else {}
    try:
        ray: Any = importlib.import_module('ray')  # typed in places
        if ray.is_initialized():
            yield ray
            return
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **options)
        # nothing public keeps the last lines of a dead node's log out of stdout
        ray._private.worker._worker_logs_enabled = False
        try:
            yield ray
        finally:
            ray.shutdown()
    finally:
        for name in new:
            del os.environ[name]


@dataclass(frozen=True, slots=True)
class _Node:
    """Describe a machine of the cluster, or one of several Ray nodes on it."""

    key: str
    address: str
    cpus: int
    gpus: int
    unseen: frozenset[Path] = frozenset()
    """Recordings and folders of targets that it does not see."""

    def sees(self, job: Job) -> bool:
        """Return whether it can work on a recording."""
        return not self.unseen & {job.source, job.target.parent}


@dataclass(frozen=True, slots=True)
class _Task:
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


@dataclass(slots=True)
class _Worker:
    """Hold an actor and what it does."""

    actor: Any
    node: _Node
    pending: Any
    """What is waited for: that it starts, later the result of its task; None when it is idle."""

    task: _Task | None = None
    asked: Any = None
    """The pending request for its progress."""

    is_doubtful: bool = False
    """Whether the connection broke, and what is waited for is whether it has died."""

    counted: tuple[int, int] = (0, 0)
    """Images of its task expected and done, as far as the watcher knows."""


@dataclass(frozen=True, slots=True)
class _Share:
    """What every worker has."""

    threads: int
    gpu: bool

    def places(self, node: _Node) -> int:
        """Return the number of workers that a node has room for."""
        return node.gpus if self.gpu else node.cpus // self.threads

    def __str__(self) -> str:
        threads = f'{self.threads} {"thread" if self.threads == 1 else "threads"}'
        cpus = f'{self.threads} {"CPU" if self.threads == 1 else "CPUs"}'
        return f'{"1 GPU, " if self.gpu else ""}{cpus} and {threads}'


@dataclass(slots=True)
class _Fleet:
    """Keep workers on the nodes there are, and recordings on the workers."""

    ray: Any
    jobs: Sequence[Job]
    model: Model
    count: int
    watcher: Watcher
    say: Callable[[str], None]
    markers: Mapping[Path, Path]
    waiting: deque[_Task] = field(init=False)
    before: dict[Path, Any] = field(init=False)
    began_s: float = field(init=False)
    share: _Share | None = None
    counting: Any = None
    """The pending count of the images of the recordings."""

    is_cut: bool = False
    """Whether the long ones have been cut."""

    parts: dict[Path, set[Span]] = field(default_factory=dict)
    """Target of a recording that was cut -> parts that are not done yet."""

    cut: dict[Path, Sequence[Span]] = field(default_factory=dict)
    """Target of a recording that was cut -> its parts."""

    nodes: dict[str, _Node] = field(default_factory=dict)
    """Those that can work, by their keys."""

    probes: dict[Any, _Node] = field(default_factory=dict)
    """The pending reports of nodes about files that they cannot read."""

    refused: dict[str, str] = field(default_factory=dict)
    """Key of a node that cannot work -> why, with its address."""

    workers: list[_Worker] = field(default_factory=list)
    deaths: Counter[Any] = field(default_factory=Counter)
    """Key of a task -> processes that died with it; losses: nodes."""

    losses: Counter[Any] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    """Key of a node -> workers that did not start on it."""

    said: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.waiting = deque(map(_Task, self.jobs))
        self.before = {job.target: file_identity(job.target) for job in self.jobs}
        self.began_s = time.monotonic()

    def results(self) -> Iterator[tuple[Job, Result]]:
        """Return every recording and what became of it, as they become ready."""
        while self.waiting or self._running():
            self._look_at_nodes()
            yield from self._give_up_unseen()
            self._cut()
            self._place_workers()
            self._hand_out()
            ready = self._wait()
            self._show_progress()
            yield from self._collect(ready)

    def stop(self) -> None:
        """End all workers."""
        for worker in self.workers:
            self._end(worker)
        self.workers.clear()

    # -- nodes

    def _look_at_nodes(self) -> None:
        """Ask nodes that are new what they see, and forget those that are gone."""
        alive = {node['NodeID']: node for node in self.ray.nodes() if node['Alive']}
        for key in self.nodes.keys() - alive.keys():
            del self.nodes[key]
        gone = [w for w in self.workers if w.task is None and w.node.key not in alive]
        for worker in gone:  # the result of a task reports it
            self._drop(worker)
        known = {*self.nodes, *self.refused, *(node.key for node in self.probes.values())}
        for key in alive.keys() - known:
            has = alive[key]['Resources']
            cpus, gpus = int(has.get('CPU', 0)), int(has.get('GPU', 0))
            node = _Node(key, alive[key]['NodeManagerAddress'], cpus, gpus)
            self.probes[self._probe(node)] = node

    def _is_asking(self) -> bool:
        """Return whether to wait for what nodes see before anything else."""
        return bool(self.probes) and time.monotonic() < self.began_s + _PROBE_S

    def _probe(self, node: _Node) -> Any:
        paths = {job.source: job.source for job in self.jobs} | dict(self.markers)
        look = self.ray.remote(_unseen).options(num_cpus=0, max_retries=0, **self._on(node))
        return look.remote(paths)

    def _on(self, node: _Node) -> dict[str, Any]:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return {'scheduling_strategy': NodeAffinitySchedulingStrategy(node.key, soft=False)}

    def _take_probe(self, ref: Any) -> None:
        node = self.probes.pop(ref)
        try:
            unseen = frozenset(self.ray.get(ref))
        except self.ray.exceptions.RayTaskError as error:
            self._refuse(node, error)
            return
        except self.ray.exceptions.RayError:  # it is going, or not there yet: it is asked again
            time.sleep(_TICK_S)
            return
        self.nodes[node.key] = _Node(node.key, node.address, node.cpus, node.gpus, unseen)
        if unseen:
            names = ', '.join(map(str, sorted(unseen)[:_LISTED]))
            more = f' and {len(unseen) - _LISTED} more' if len(unseen) > _LISTED else ''
            self.say(f'node {node.address} does not see {names}{more}: others work on those')

    def _refuse(self, node: _Node, error: Exception) -> None:
        """Start no more workers on a node."""
        reason = in_one_line(getattr(error, 'cause', None) or error)
        self.refused[node.key] = f'{node.address}: {reason}'
        self.nodes.pop(node.key, None)
        self.say(f'node {node.address} cannot work: {reason}')

    def _give_up_unseen(self) -> Iterator[tuple[Job, Result]]:
        """Fail the recordings that no node can work on."""
        if self._is_asking() or not (self.nodes or self.refused):
            return
        if not self.nodes:
            if self._running():
                return
            reasons = '; '.join(self.refused.values())
            raise RecordingError(f'no node of the cluster can work: {reasons}')
        nodes = self.nodes.values()
        for task in [t for t in self.waiting if not any(n.sees(t.job) for n in nodes)]:
            self.waiting.remove(task)
            if task.span is None:
                yield task.job, self._why_unseen(task.job)
            else:
                self._end_part(task)

    def _why_unseen(self, job: Job) -> str:
        if not job.source.exists():
            return f'{job.source}: no such recording'
        hidden = [path for path in (job.source, job.target.parent) if self._is_hidden(path)]
        names = ' or '.join(map(str, hidden or [job.source]))
        addresses = ', '.join(sorted({node.address for node in self.nodes.values()}))
        return (
            f'{job.source}: no node of the cluster ({addresses}) sees {names}: paths must mean '
            'the same files on all of them'
        )

    def _is_hidden(self, path: Path) -> bool:
        return all(path in node.unseen for node in self.nodes.values())

    # -- long recordings

    def _cut(self) -> None:
        """Divide the recordings that are longer than what every worker has to do."""
        if self.is_cut or self._is_asking() or not self.nodes:
            return
        if self.share is None:
            self.share = self._shares()
        workers = min(self.count, sum(map(self.share.places, self.nodes.values())))
        node = max(self.nodes.values(), key=lambda n: sum(map(n.sees, self.jobs)))
        if self.share.gpu:  # putting together takes as long as predicting
            workers = 1
        if self.counting is None and workers > 1:
            count = self.ray.remote(image_counts).options(num_cpus=0, **self._on(node))
            self.counting = count.remote([job for job in self.jobs if node.sees(job)])
        if self.counting is not None and not self.ray.wait([self.counting], timeout=0)[0]:
            return
        self.is_cut = True
        with suppress(self.ray.exceptions.RayError):  # it was to save time only
            images = self.ray.get(self.counting) if self.counting is not None else {}
            share = max(_LEAST_IMAGES, sum(images.values()) / max(1, workers))
            for task in list(self.waiting):
                count = round(images.get(task.job.target, 0) / share)
                if count > 1:
                    self._divide(task, spans(images[task.job.target], count))

    def _divide(self, task: _Task, parts: Sequence[Span]) -> None:
        self.say(f'{task.job.source}: {len(parts)} parts, which are put together at the end')
        self.waiting.remove(task)
        self.waiting.extendleft(_Task(task.job, span) for span in reversed(parts))
        self.parts[task.job.target], self.cut[task.job.target] = set(parts), parts

    def _end_part(self, task: _Task) -> None:
        """Have a recording put together when its last part is done."""
        assert task.span is not None
        left = self.parts[task.job.target]
        left.remove(task.span)
        if not left:
            parts = tuple(sorted(self.cut[task.job.target]))
            self.waiting.appendleft(_Task(task.job, parts=parts))

    # -- workers

    def _place_workers(self) -> None:
        """Start workers where there is room and work for them."""
        if not self.is_cut:
            return
        placed = []
        while len(self.workers) < min(self.count, len(self.waiting) + len(self._running())):
            node = self._node_with_room()
            if node is None:
                break
            self.workers.append(self._start_worker(node))
            placed.append(node.address)
        if placed:
            places = ', '.join(f'{n} on {at}' for at, n in sorted(Counter(placed).items()))
            self.say(f'Ray: {places}, each with {self.share}')
        if not self.workers and self.waiting:
            self._say_once('Ray: no node has room for a worker; waiting for one')

    def _shares(self) -> _Share:
        """Divide the CPUs evenly; all workers have as many, so that they compute alike."""
        nodes = self.nodes.values()
        if self.model.device != 'cpu' and any(node.gpus for node in nodes):
            return _Share(max(1, min(n.cpus // n.gpus for n in nodes if n.gpus)), gpu=True)
        most, count = max(1, *(node.cpus for node in nodes)), min(self.count, len(self.jobs))
        chosen = os.environ.get('OMP_NUM_THREADS', '')
        if chosen.isdecimal() and int(chosen):
            return _Share(min(int(chosen), most), gpu=False)
        fitting = (n for n in range(most, 1, -1) if sum(m.cpus // n for m in nodes) >= count)
        return _Share(next(fitting, 1), gpu=False)

    def _node_with_room(self) -> _Node | None:
        """Return the node whose places are the least taken, of those that see something to do."""
        if self.share is None:
            return None
        taken = Counter(worker.node.key for worker in self.workers)
        places = {node.key: self.share.places(node) for node in self.nodes.values()}
        free = [
            node
            for node in self.nodes.values()
            if taken[node.key] < places[node.key] and any(node.sees(t.job) for t in self.waiting)
        ]
        return min(free, key=lambda n: (taken[n.key] / places[n.key], n.address), default=None)

    def _start_worker(self, node: _Node) -> _Worker:
        assert self.share is not None
        actor = self.ray.remote(_RayWorker).options(
            num_cpus=self.share.threads,
            num_gpus=int(self.share.gpu),
            max_concurrency=2,  # it works, and reports its progress
            **self._on(node),
        )
        started = actor.remote(self.model, self.share.threads)
        return _Worker(started, node, started.start.remote())

    def _end(self, worker: _Worker) -> None:
        with suppress(self.ray.exceptions.RayError):
            self.ray.kill(worker.actor)

    def _drop(self, worker: _Worker) -> None:
        self.workers.remove(worker)
        self._end(worker)

    # -- tasks

    def _running(self) -> list[_Worker]:
        return [worker for worker in self.workers if worker.task is not None]

    def _hand_out(self) -> None:
        """Give every idle worker the next task whose files its node sees; end those without."""
        for worker in [w for w in self.workers if w.pending is None]:
            task = next((t for t in self.waiting if worker.node.sees(t.job)), None)
            if task is None:
                self._drop(worker)
                continue
            self.waiting.remove(task)
            again = bool(self.deaths[task.key] + self.losses[task.key])
            worker.task, worker.counted, worker.asked = task, (0, 0), None
            worker.pending = worker.actor.work.remote(task, again=again)

    def _wait(self) -> list[Any]:
        """Wait for a moment, or until something has happened."""
        refs = [*self.probes, *(w.pending for w in self.workers if w.pending is not None)]
        if not refs:
            time.sleep(_TICK_S)
            return []
        ready, _ = self.ray.wait(refs, num_returns=1, timeout=_TICK_S)
        return list(ready)

    def _collect(self, ready: list[Any]) -> Iterator[tuple[Job, Result]]:
        for ref in ready:
            if ref in self.probes:
                self._take_probe(ref)
                continue
            worker = next(w for w in self.workers if w.pending == ref)
            try:
                result = self.ray.get(ref)
                if worker.is_doubtful:
                    raise self.ray.exceptions.RaySystemError('the connection broke')
            except self.ray.exceptions.ActorUnavailableError:
                time.sleep(_TICK_S)
                worker.is_doubtful, worker.pending = True, worker.actor.start.remote()
                continue
            except self.ray.exceptions.RayError as error:
                yield from self._lose(worker, error)
                continue
            task, worker.task, worker.pending = worker.task, None, None
            if task is not None:
                found, progress = result
                self._count(worker, progress)
                if task.span is None:
                    yield task.job, found
                else:  # what is wrong with the recording shows when it is put together
                    self._end_part(task)

    def _lose(self, worker: _Worker, error: Exception) -> Iterator[tuple[Job, Result]]:
        """Have the recording of a worker that has died done by another one."""
        self._drop(worker)
        alive = {node['NodeID'] for node in self.ray.nodes() if node['Alive']}
        is_lost, task = worker.node.key not in alive, worker.task
        if task is None:  # it has never started
            self.failed[worker.node.key] += not is_lost
            if self.failed[worker.node.key] >= TRIES:
                self._refuse(worker.node, error)
            return
        expected, done = worker.counted
        self.watcher.expect(done - expected)  # whoever goes on expects them anew
        counter, limit = (self.losses, _NODE_TRIES) if is_lost else (self.deaths, TRIES)
        counter[task.key] += 1
        what = f'node {worker.node.address}' if is_lost else 'process'
        job = task.job
        if counter[task.key] < limit:
            self.say(f'{job.source}: the {what} working on it died; another one goes on')
            self.waiting.appendleft(replace(task, job=job.again(self.before[job.target])))
        elif task.span is not None:
            self._end_part(task)
        else:
            yield job, f'{job.source}: the {what} working on it died {limit} times'

    def _show_progress(self) -> None:
        """Take what the workers have said of their progress, and ask them again."""
        for worker in self._running():
            if worker.asked is not None and self.ray.wait([worker.asked], timeout=0)[0]:
                with suppress(self.ray.exceptions.RayError):  # its result reports it
                    self._count(worker, self.ray.get(worker.asked))
                worker.asked = None
            if worker.asked is None:
                worker.asked = worker.actor.progress.remote()

    def _count(self, worker: _Worker, progress: tuple[int, int]) -> None:
        before, worker.counted = worker.counted, progress
        self.watcher.expect(progress[0] - before[0])
        self.watcher.advance(progress[1] - before[1])

    def _say_once(self, line: str) -> None:
        if line not in self.said:
            self.said.add(line)
            self.say(line)


def _unseen(paths: Mapping[Path, Path]) -> list[Path]:
    """Return the names of those paths that this node does not see; name -> path."""
    return [name for name, path in paths.items() if not path.exists()]


class _Progress:
    """Count what has been expected and done."""

    def __init__(self) -> None:
        self.expected = self.done = 0

    def expect(self, images: int) -> None:
        """Know of more images to come."""
        self.expected += images

    def advance(self, images: int) -> None:
        """Note that images are done."""
        self.done += images


class _RayWorker:
    """Work on recordings in a process of Ray's."""

    def __init__(self, model: Model, threads: int) -> None:
        # read as torch is imported
        os.environ |= {**thread_environment(os.environ), 'OMP_NUM_THREADS': str(threads)}
        self._model, self._build = model, cache(model.build)
        self._progress = _Progress()

    def start(self) -> None:
        """Do nothing: whoever waits for it knows that there is a process."""

    def work(self, task: _Task, *, again: bool) -> tuple[Result, tuple[int, int]]:
        """Do a task; gives what became of it, and its images as `progress` does.

        again: an attempt has been lost, and its process may not have ended yet.
        """
        self._progress = progress = _Progress()
        job, span = task.job, task.span
        if again:
            _wait_for_writer(job.target if span is None else piece_path(job.target, span))
        if span is not None:
            result: Result = attempt_part(job, self._model, self._build, progress, span)
        else:  # the images of parts have been counted
            watcher = _Progress() if task.parts else progress
            result = attempt(job, self._model, self._build, watcher, task.parts)
        return result, (progress.expected, progress.done)

    def progress(self) -> tuple[int, int]:
        """Return how many images of the present task are expected and done."""
        return self._progress.expected, self._progress.done


def _wait_for_writer(target: Path) -> None:
    """Wait until nobody writes a recording; for a limited time, what is wrong shows later."""
    end_s = time.monotonic() + _LOCK_S
    while time.monotonic() < end_s:
        try:
            check_target(target, overwrite=True)
        except ResumeError:
            time.sleep(_TICK_S)
        except (OSError, ValueError):
            return
        else:
            return
