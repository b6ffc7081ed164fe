"""One thread, and a mailbox that holds the newest."""

import threading
import time

from zoedepth_ros.ros.frame_worker import FrameWorker, Mailbox


def test_a_newer_item_replaces_one_that_nobody_took():
    box = Mailbox()
    assert box.put(1) is None
    assert box.put(2) == 1
    assert box.take() == 2
    assert box.put(3) is None


def test_taking_waits_for_an_item():
    box = Mailbox()
    threading.Timer(0.05, box.put, ['late']).start()
    assert box.take() == 'late'


def test_a_closed_box_gives_nothing():
    box = Mailbox()
    box.put(1)
    box.close()
    assert box.take() is None


def test_a_slow_worker_gets_the_newest_and_never_a_queue():
    done = []

    def work(item):
        time.sleep(0.05)
        done.append(item)

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

    def work(item):
        if item == 'bad':
            raise ValueError('no')
        done.append(item)

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
