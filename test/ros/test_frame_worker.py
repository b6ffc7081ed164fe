"""One thread, and a mailbox that holds the newest."""

import threading
import time
from collections import Counter

import pytest

from zoedepth_ros.ros import frame_worker
from zoedepth_ros.ros.frame_worker import FrameWorker, Mailbox


def test_a_newer_item_replaces_one_that_nobody_took():
    box = Mailbox()
    assert box.put(1) is None
    assert box.put(2) == 1
    assert box.take() == [2]
    assert box.put(3) is None


def test_taking_waits_for_an_item():
    box = Mailbox()
    threading.Timer(0.05, box.put, ['late']).start()
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


def test_how_many_to_take_is_asked_when_there_are_some():
    box, asked = Mailbox(), []
    threading.Timer(0.05, box.put, ['late']).start()
    box.take(lambda: asked.append(time.monotonic()) or 3)
    assert len(asked) == 1


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


def test_a_slow_worker_gets_the_newest_and_never_a_queue():
    done = []

    def work(items):
        time.sleep(0.05)
        done.extend(items)

    worker = FrameWorker(work, lambda error: None)
    replaced = 0
    for i in range(40):
        replaced += worker.put(i) is not None
        time.sleep(0.01)
    time.sleep(0.15)
    assert worker.stop(1.0)
    assert done == sorted(done)
    assert done[-1] == 39
    assert len(done) + replaced == 40
    assert 6 <= len(done) <= 11


def test_an_error_is_reported_and_the_thread_goes_on():
    done, errors = [], []

    def work(items):
        if items == ['bad']:
            raise ValueError('no')
        done.extend(items)

    worker = FrameWorker(work, errors.append)
    for item in ('bad', 'good'):
        worker.put(item)
        time.sleep(0.05)
    worker.stop(1.0)
    assert done == ['good']
    assert [str(e) for e in errors] == ['no']


def test_everything_runs_in_one_thread_that_ends():
    before = threading.active_count()
    threads = set()
    worker = FrameWorker(lambda _: threads.add(threading.get_ident()), lambda error: None)
    for i in range(3):
        worker.put(i)
        time.sleep(0.02)
    assert worker.stop(1.0)
    assert len(threads) == 1
    assert threads.isdisjoint({threading.get_ident()})
    assert threading.active_count() == before


def test_stopping_gives_up_on_work_that_takes_too_long():
    free = threading.Event()
    worker = FrameWorker(lambda _: free.wait(5.0), lambda error: None)
    worker.put(1)
    time.sleep(0.02)
    assert not worker.stop(0.05)
    free.set()
    assert worker.stop(1.0)


def test_whoever_hands_over_to_an_idle_worker_lets_it_go_first(monkeypatch):
    monkeypatch.setattr(frame_worker, 'LEAD_S', 5.0)
    done = []

    def work(items):
        time.sleep(0.05)
        done.extend(items)

    worker = FrameWorker(work, lambda error: None)
    for item in range(3):
        time.sleep(0.02)  # until it waits
        worker.put(item)
        assert done[-1:] == [item]
    worker.stop(1.0)


def test_nobody_waits_for_a_busy_worker_and_for_slow_work_no_longer_than_the_lead(monkeypatch):
    monkeypatch.setattr(frame_worker, 'LEAD_S', 0.3)
    free = threading.Event()
    worker = FrameWorker(lambda _: free.wait(5.0), lambda error: None)
    time.sleep(0.02)
    start_s = time.monotonic()
    worker.put(1)
    led_s = time.monotonic() - start_s
    worker.put(2)
    worker.put(3)
    waited_s = time.monotonic() - start_s - led_s
    free.set()
    worker.stop(1.0)
    assert 0.25 < led_s < 2.0
    assert waited_s < 0.2
