"""One thread, and a mailbox that holds the newest."""

import threading
from collections import Counter

import pytest
from waiting import PATIENCE_S, wait_until

from zoedepth_ros.ros import inference_thread
from zoedepth_ros.ros.inference_thread import InferenceThread, Mailbox


def test_taking_waits_for_an_item():
    box = Mailbox()
    threading.Timer(0.05, box.put, ['late']).start()  # nearly always after take has begun
    assert box.take() == ['late']


def test_a_closed_box_gives_nothing():
    box = Mailbox()
    box.put(1)
    box.close()
    assert box.take() == []


def test_each_sender_has_a_place_of_its_own_and_who_had_no_turn_longest_comes_first():
    box = Mailbox()
    for item, sender in ((1, 'fast'), (2, 'slow'), (3, 'fast'), (4, 'late'), (5, 'fast')):
        box.put(item, sender)
    assert box.take() == [5]  # the newest of the one that came first
    box.put(6, 'fast')
    assert box.take(lambda: 2) == [2, 4]
    box.put(7, 'slow')
    assert box.take(lambda: 2) == [6, 7]


def test_how_many_to_take_is_determined_when_there_are_some():
    box, requested = Mailbox(), []
    threading.Timer(0.05, box.put, ['late']).start()
    box.take(lambda: requested.append('now') or 3)
    assert len(requested) == 1


@pytest.mark.parametrize('most', [1, 2, 3])
def test_senders_of_any_rate_get_turns_as_often_as_the_others_when_there_are_too_few(most):
    """Four senders, of which one is twenty times as fast as another; one turn each 20 ticks."""
    box, turns = Mailbox(), Counter()
    periods = {'a': 1, 'b': 3, 'c': 7, 'd': 20}  # ticks
    for tick in range(1, 20 * 300):
        for name, period in periods.items():
            if tick % period == 0:
                box.put((name, tick), name)
        if tick % 20 == 0:
            turns.update(name for name, _ in box.take(lambda: most))
    assert sum(turns.values()) == pytest.approx(300 * most, rel=0.02)
    assert min(turns.values()) > 0.95 * max(turns.values()), turns


class Gated:
    """Work on items one run at a time, each as soon as the test lets it go."""

    def __init__(self):
        self.begun, self.done, self._gate = [], [], threading.Semaphore(0)

    def __call__(self, items):
        self.begun.extend(items)
        assert self._gate.acquire(timeout=PATIENCE_S)
        self.done.extend(items)

    def let_go(self, runs=1):
        self._gate.release(runs)


@pytest.fixture
def worker_of(monkeypatch):
    """Give a function that starts a worker; whoever hands over to it does not wait for long."""
    monkeypatch.setattr(inference_thread, 'LEAD_S', 0.0)
    made = []

    def start(work, on_error=lambda error: None):
        made.append(InferenceThread(work, on_error))
        return made[-1]

    yield start
    for worker in made:
        assert worker.stop(PATIENCE_S)


def test_a_slow_worker_gets_the_newest_and_never_a_queue(worker_of):
    work = Gated()
    worker = worker_of(work)
    assert worker.put(0) is None
    wait_until(lambda: work.begun == [0])
    assert [worker.put(i) for i in range(1, 40)] == [None, *range(1, 39)]
    work.let_go()
    wait_until(lambda: work.begun == [0, 39])
    assert worker.put(40) is None
    work.let_go(2)
    wait_until(lambda: work.done == [0, 39, 40])


def test_an_error_is_reported_and_the_thread_goes_on(worker_of):
    done, errors = [], []

    def work(items):
        if items == ['bad']:
            raise ValueError('no')
        done.extend(items)

    worker = worker_of(work, errors.append)
    worker.put('bad')
    wait_until(lambda: errors)
    worker.put('good')
    wait_until(lambda: done)
    assert done == ['good']
    assert [str(e) for e in errors] == ['no']


def test_everything_runs_in_one_thread_that_ends():
    before = set(threading.enumerate())
    idents = []
    worker = InferenceThread(lambda _: idents.append(threading.get_ident()), lambda error: None)
    for i in range(3):
        worker.put(i)
        wait_until(lambda i=i: len(idents) == i + 1)
    (own,) = set(threading.enumerate()) - before
    assert worker.stop(PATIENCE_S)
    assert set(idents) == {own.ident}
    assert not own.is_alive()


def test_stopping_gives_up_on_work_that_takes_too_long(worker_of):
    work = Gated()
    worker = worker_of(work)
    worker.put(1)
    wait_until(lambda: work.begun)
    assert not worker.stop(0.05)
    work.let_go()


def test_whoever_hands_over_to_an_idle_worker_lets_it_go_first(worker_of, monkeypatch):
    monkeypatch.setattr(inference_thread, 'LEAD_S', PATIENCE_S)
    done = []
    worker = worker_of(done.extend)
    for item in range(3):
        wait_until(lambda: worker.is_idle)
        worker.put(item)
        assert done[-1:] == [item]


def test_nobody_waits_for_a_busy_worker_and_for_slow_work_no_longer_than_the_lead(
    worker_of, monkeypatch
):
    """Both would wait for ever, as the work goes on until they have come back."""
    work = Gated()
    worker = worker_of(work)
    monkeypatch.setattr(inference_thread, 'LEAD_S', 0.3)
    wait_until(lambda: worker.is_idle)
    worker.put(1)  # to an idle worker: returns after the lead
    wait_until(lambda: work.begun == [1])
    monkeypatch.setattr(inference_thread, 'LEAD_S', threading.TIMEOUT_MAX)
    worker.put(2)  # to a busy one: at once
    worker.put(3)
    assert work.done == []
    work.let_go(2)
    wait_until(lambda: work.done == [1, 3])
