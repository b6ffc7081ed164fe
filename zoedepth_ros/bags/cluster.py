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
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from zoedepth_ros.bags.errors import RecordingError, ResumeError
from zoedepth_ros.bags.fleet import (
    TRIES,
    Counts,
    Model,
    Progress,
    Result,
    Task,
    Watcher,
    Worker,
    image_counts,
)
from zoedepth_ros.bags.mcap_writer import check_target
from zoedepth_ros.bags.pieces import Span, piece_path, spans
from zoedepth_ros.bags.plan import Job, file_identity
from zoedepth_ros.environment import thread_environment
from zoedepth_ros.errors import in_one_line

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
        raise RecordingError('--ray needs Ray, which is not installed: pip install ray')
    if model.device.startswith('cuda:'):
        raise ValueError(
            f'--ray gives each worker a GPU: expected --device cuda, got {model.device}'
        )
    with ExitStack() as stack, _connected() as ray:
        fleet = _Fleet(ray, jobs, model, count, watcher, say)
        for folder in {job.target.parent for job in jobs}:  # by a new file nodes recognize it
            folder.mkdir(parents=True, exist_ok=True)
            marker = stack.enter_context(NamedTemporaryFile(prefix='.zoedepth_', dir=folder))
            fleet.paths[folder] = Path(marker.name)
        try:
            yield from fleet.results()
        finally:
            for worker in list(fleet.workers):
                fleet.drop(worker)


@contextmanager
def _connected() -> Iterator[Any]:
    """Return Ray, connected to a cluster; one of this machine's own is stopped at the end.

    That one listens on the loopback interface only, and its token is kept nowhere: by itself Ray
    listens on every interface and leaves the token in ~/.ray.
    """
    address = os.environ.get('RAY_ADDRESS') or 'local'
    options: dict[str, Any] = {}
    settings = {'RAY_USAGE_STATS_ENABLED': '0'}  # else Ray reports to its makers
    if address == 'local':  # the first is Ray's own switch for 127.0.0.1, read as it is imported
        settings |= {'RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER': '0'}
        settings |= {'RAY_AUTH_TOKEN': secrets.token_hex(32)}
        options = {'include_dashboard': False, 'object_store_memory': _STORE_BYTES}
    new = [name for name in settings if name not in os.environ]
    os.environ.update({name: settings[name] for name in new})
    try:
        ray: Any = importlib.import_module('ray')  # typed in places
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

    def sees(self, task: Task) -> bool:
        """Return whether it can work on a recording."""
        return not self.unseen & {task.job.source, task.job.target.parent}


@dataclass(slots=True)
class _Worker:
    """Hold an actor and what it does."""

    actor: Any
    node: _Node
    pending: Any
    """What is waited for: that it starts, later the result of its task; None when it is idle."""

    progress: Progress
    task: Task | None = None
    asked: Any = None
    """The pending request for its progress."""


@dataclass(frozen=True, slots=True)
class _Share:
    """What every worker has."""

    threads: int
    gpu: bool

    def places(self, node: _Node) -> int:
        """Return the number of workers that a node has room for."""
        return node.gpus if self.gpu else node.cpus // self.threads

    def __str__(self) -> str:
        ending = '' if self.threads == 1 else 's'
        cpus = f'{self.threads} CPU{ending} and {self.threads} thread{ending}'
        return f'{"1 GPU, " if self.gpu else ""}{cpus}'


@dataclass(slots=True)
class _Fleet:
    """Keep workers on the nodes there are, and recordings on the workers."""

    ray: Any
    jobs: Sequence[Job]
    model: Model
    count: int
    watcher: Watcher
    say: Callable[[str], None]
    waiting: deque[Task] = field(init=False)
    paths: dict[Path, Path] = field(init=False)
    """Recording, or folder of targets -> what a node must see of it."""

    before: dict[Path, Any] = field(init=False)
    share: _Share | None = None
    """None until work begins."""

    parts: dict[Path, tuple[Span, ...]] = field(default_factory=dict)
    """Target of a long recording -> its parts."""

    undone: set[tuple[Path, Span | None]] = field(default_factory=set)
    """Keys of parts that are not done yet."""

    nodes: dict[str, _Node] = field(default_factory=dict)
    """Those that can work, by their keys."""

    probes: dict[Any, _Node] = field(default_factory=dict)
    """The pending reports of nodes about files that they cannot read."""

    refused: dict[str, str] = field(default_factory=dict)
    """Key of a node that cannot work -> why, with its address."""

    workers: list[_Worker] = field(default_factory=list)
    deaths: Counter[Any] = field(default_factory=Counter)
    """Key of a task, and whether the node was lost -> workers that died with it; key of a node ->
    workers that did not start on it."""

    probed_s: float = field(default_factory=lambda: time.monotonic() + _PROBE_S)
    """When work begins without the reports that are still pending."""

    def __post_init__(self) -> None:
        self.waiting = deque(map(Task, self.jobs))
        self.paths = {job.source: job.source for job in self.jobs}
        self.before = {job.target: file_identity(job.target) for job in self.jobs}
        self.say = cache(self.say)  # nothing twice

    def results(self) -> Iterator[tuple[Job, Result]]:
        """Return every recording and what became of it, as they become ready."""
        while self.waiting or self._running():
            self._look_at_nodes()
            if not self.probes or time.monotonic() > self.probed_s:
                yield from self._give_up_unseen()
                if self.nodes and self.share is None:
                    self.share = self._shares()
                    self._divide_long(self.share)
                if self.share is not None:
                    self._place_workers(self.share)
            self._hand_out()
            ready = self._wait()
            self._show_progress()
            yield from self._collect(ready)

    # -- nodes

    def _alive(self) -> dict[str, Any]:
        return {node['NodeID']: node for node in self.ray.nodes() if node['Alive']}

    def _look_at_nodes(self) -> None:
        """Ask nodes that are new what they see, and forget those that are gone."""
        alive = self._alive()
        for key in self.nodes.keys() - alive.keys():
            del self.nodes[key]
        for worker in [w for w in self.workers if w.task is None and w.node.key not in alive]:
            self.drop(worker)  # of one with a task the result reports it
        known = {*self.nodes, *self.refused, *(node.key for node in self.probes.values())}
        for key in alive.keys() - known:
            has, address = alive[key]['Resources'], alive[key]['NodeManagerAddress']
            node = _Node(key, address, int(has.get('CPU', 0)), int(has.get('GPU', 0)))
            look = self.ray.remote(_unseen).options(num_cpus=0, max_retries=0, **self._on(node))
            self.probes[look.remote(self.paths)] = node

    def _on(self, node: _Node) -> dict[str, Any]:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return {'scheduling_strategy': NodeAffinitySchedulingStrategy(node.key, soft=False)}

    def _take_probe(self, ref: Any) -> None:
        node = self.probes.pop(ref)
        try:
            unseen = sorted(self.ray.get(ref))
        except self.ray.exceptions.RayTaskError as error:
            self._refuse(node, error)
            return
        except self.ray.exceptions.RayError:  # it is going, or not there yet: it is asked again
            time.sleep(_TICK_S)
            return
        self.nodes[node.key] = replace(node, unseen=frozenset(unseen))
        if unseen:
            names = ', '.join(map(str, unseen[:_LISTED]))
            more = f' and {len(unseen) - _LISTED} more' if len(unseen) > _LISTED else ''
            self.say(
                f'cluster node {node.address} does not see {names}{more}; only other cluster '
                'nodes can process recordings that use these paths'
            )

    def _refuse(self, node: _Node, error: Exception) -> None:
        """Start no more workers on a node."""
        reason = in_one_line(getattr(error, 'cause', None) or error)
        self.refused[node.key] = f'{node.address}: {reason}'
        self.nodes.pop(node.key, None)
        self.say(f'cluster node {node.address} cannot run a worker: {reason}')

    def _give_up_unseen(self) -> Iterator[tuple[Job, Result]]:
        """Fail the recordings that no node can work on."""
        nodes = self.nodes.values()
        if not nodes and self.refused and not self._running():
            reasons = '; '.join(self.refused.values())
            raise RecordingError(f'no node of the cluster can run a worker: {reasons}')
        for task in [t for t in self.waiting if nodes and not any(n.sees(t) for n in nodes)]:
            self.waiting.remove(task)
            yield from self._end(task, self._why_unseen(task.job))

    def _why_unseen(self, job: Job) -> str:
        if not job.source.exists():
            return f'{job.source}: this recording does not exist'
        nodes, paths = self.nodes.values(), (job.source, job.target.parent)
        hidden = [path for path in paths if all(path in node.unseen for node in nodes)]
        addresses = ', '.join(sorted({node.address for node in nodes}))
        return (
            f'{job.source}: no node of the cluster ({addresses}) can read '
            f'{" or ".join(map(str, hidden or paths))}: a path must name the same file on all '
            'nodes'
        )

    # -- long recordings

    def _divide_long(self, share: _Share) -> None:
        """Divide the recordings that are longer than what every worker has to do."""
        workers = min(self.count, sum(map(share.places, self.nodes.values())))
        if workers < 2 or share.gpu:  # there putting together takes as long as predicting
            return
        node = max(self.nodes.values(), key=lambda n: sum(map(n.sees, self.waiting)))
        counted = self.ray.remote(image_counts).options(num_cpus=0, **self._on(node))
        images: dict[Path, int] = {}
        with suppress(self.ray.exceptions.RayError):  # it was to save time only
            images = self.ray.get(counted.remote([t.job for t in self.waiting if node.sees(t)]))
        least = max(_LEAST_IMAGES, sum(images.values()) / workers)
        for task in list(self.waiting):
            target = task.job.target
            count = images.get(target, 0)
            parts = tuple(spans(count, max(1, round(count / least))))
            if len(parts) > 1:
                self.say(
                    f'{task.job.source}: {len(parts)} parts of this recording are processed '
                    'separately and joined at the end'
                )
                self.waiting.remove(task)
                tasks = [Task(task.job, span) for span in parts]
                self.waiting.extendleft(reversed(tasks))
                self.parts[target], self.undone = parts, self.undone | {t.key for t in tasks}

    def _end(self, task: Task, result: Result) -> Iterator[tuple[Job, Result]]:
        """Give the result of a recording; after its last part have it put together.

        What is wrong with a part shows then.
        """
        if task.span is None:
            yield task.job, result
            return
        target = task.job.target
        self.undone.remove(task.key)
        if all(target != other for other, _ in self.undone):
            self.waiting.appendleft(Task(task.job, parts=self.parts[target]))

    # -- workers

    def _place_workers(self, share: _Share) -> None:
        """Start workers where there is room and work for them."""
        placed = []
        while len(self.workers) < min(self.count, len(self.waiting) + len(self._running())):
            node = self._node_with_room(share)
            if node is None:
                break
            actor = self.ray.remote(_RayWorker).options(
                num_cpus=share.threads,
                num_gpus=int(share.gpu),
                max_concurrency=2,  # it works, and reports its progress
                **self._on(node),
            )
            started = actor.remote(self.model, share.threads)
            progress = Progress(self.watcher)
            self.workers.append(_Worker(started, node, started.start.remote(), progress))
            placed.append(node.address)
        if placed:
            places = ', '.join(f'{n} on {at}' for at, n in sorted(Counter(placed).items()))
            self.say(f'Ray: new workers: {places}, each with {share}')
        if not self.workers and self.waiting:
            self.say(
                'Ray: no cluster node has a free processor or GPU for a worker; waiting for a '
                'free one'
            )

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

    def _node_with_room(self, share: _Share) -> _Node | None:
        """Return the node whose places are the least taken, of those that see something to do."""
        taken = Counter(worker.node.key for worker in self.workers)
        free = [
            (taken[node.key] / share.places(node), node.address, node.key)
            for node in self.nodes.values()
            if taken[node.key] < share.places(node) and any(map(node.sees, self.waiting))
        ]
        return self.nodes[min(free)[-1]] if free else None

    def drop(self, worker: _Worker) -> None:
        """End a worker."""
        self.workers.remove(worker)
        with suppress(self.ray.exceptions.RayError):
            self.ray.kill(worker.actor)

    # -- tasks

    def _running(self) -> list[_Worker]:
        return [worker for worker in self.workers if worker.task is not None]

    def _hand_out(self) -> None:
        """Give every idle worker the next task whose files its node sees; end those without."""
        for worker in [w for w in self.workers if w.pending is None]:
            task = next(filter(worker.node.sees, self.waiting), None)
            if task is None:
                self.drop(worker)
                continue
            self.waiting.remove(task)
            again = bool(self.deaths[task.key, True] + self.deaths[task.key, False])
            worker.task, worker.pending = task, worker.actor.work.remote(task, again=again)

    def _wait(self) -> list[Any]:
        """Wait for a moment, or until something has happened."""
        refs = [*self.probes, *(w.pending for w in self.workers if w.pending is not None)]
        if not refs:
            time.sleep(_TICK_S)
            return []
        return list(self.ray.wait(refs, num_returns=1, timeout=_TICK_S)[0])

    def _collect(self, ready: list[Any]) -> Iterator[tuple[Job, Result]]:
        for ref in ready:
            if ref in self.probes:
                self._take_probe(ref)
                continue
            worker = next(w for w in self.workers if w.pending == ref)
            try:
                found = self.ray.get(ref)
            except self.ray.exceptions.RayError as error:
                yield from self._lose(worker, error)
                continue
            task, worker.task, worker.pending, worker.asked = worker.task, None, None, None
            if task is not None:
                result, counts = found
                worker.progress.update(*counts)
                yield from self._end(task, result)

    def _lose(self, worker: _Worker, error: Exception) -> Iterator[tuple[Job, Result]]:
        """Have the recording of a worker that has died done by another one."""
        self.drop(worker)
        unavailable = self.ray.exceptions.ActorUnavailableError  # the first sign of a lost node
        node, task = worker.node, worker.task
        is_lost = node.key not in self._alive() or isinstance(error, unavailable)
        if task is None:  # it has never started
            self.deaths[node.key] += not is_lost
            if self.deaths[node.key] >= TRIES:
                self._refuse(node, error)
            return
        worker.progress.lose()
        self.deaths[task.key, is_lost] += 1
        deaths, source = self.deaths[task.key, is_lost], task.job.source
        what = f'node {node.address}' if is_lost else 'process'
        if deaths < (_NODE_TRIES if is_lost else TRIES):
            self.say(
                f'{source}: the {what} that processed this recording ended unexpectedly; a new '
                'worker continues'
            )
            job = task.job.again(self.before[task.job.target])
            self.waiting.appendleft(replace(task, job=job))
        else:
            yield from self._end(
                task,
                f'{source}: the {what} that processed this recording ended unexpectedly '
                f'{deaths} times',
            )

    def _show_progress(self) -> None:
        """Take what the workers have said of their progress, and ask them again."""
        for worker in self._running():
            if worker.asked is not None and self.ray.wait([worker.asked], timeout=0)[0]:
                with suppress(self.ray.exceptions.RayError):  # its result reports it
                    worker.progress.update(*self.ray.get(worker.asked))
                worker.asked = None
            if worker.asked is None:
                worker.asked = worker.actor.progress.remote()


def _unseen(paths: Mapping[Path, Path]) -> list[Path]:
    """Return the names of those paths that this node does not see; name -> path."""
    return [name for name, path in paths.items() if not path.exists()]


class _RayWorker:
    """Work on recordings in a process of Ray's."""

    def __init__(self, model: Model, threads: int) -> None:
        # read as torch is imported
        os.environ |= {**thread_environment(os.environ), 'OMP_NUM_THREADS': str(threads)}
        self._counts = Counts([0, 0])
        self._worker = Worker(model, self._counts)

    def start(self) -> None:
        """Do nothing: whoever waits for it knows that there is a process."""

    def work(self, task: Task, *, again: bool) -> tuple[Result, list[int]]:
        """Do a task; gives what became of it, and `progress`.

        again: an attempt has been lost, and its process may not have ended yet.
        """
        if again:
            target = task.job.target
            _wait_for_writer(piece_path(target, task.span) if task.span else target)
        return self._worker.work_or_exit(task), self.progress()

    def progress(self) -> list[int]:
        """Return how many images have been expected and done."""
        return list(self._counts.values)


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
