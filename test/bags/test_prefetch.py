import threading

import pytest

from zoedepth_ros.bags.prefetch import prefetch


def test_items_come_in_order_from_another_thread():
    threads = set()

    def numbers():
        for number in range(100):
            threads.add(threading.get_ident())
            yield number

    assert list(prefetch(numbers(), 3)) == list(range(100))
    assert threading.get_ident() not in threads


def test_it_runs_ahead_but_not_farther_than_the_limit():
    limit = 4
    made = threading.Semaphore(0)

    def numbers():
        for number in range(50):
            made.release()
            yield number

    items = prefetch(numbers(), limit)
    next(items)
    for _ in range(1 + limit):  # what was taken, and what waits
        assert made.acquire(timeout=60)
    assert not made.acquire(timeout=0.2)
    items.close()


def test_an_error_arrives_where_the_items_are_taken():
    def numbers():
        yield 1
        raise KeyError('gone')

    items = prefetch(numbers(), 4)
    assert next(items) == 1
    with pytest.raises(KeyError, match='gone'):
        next(items)


def test_leaving_early_stops_the_thread_and_closes_the_iterator():
    closed = threading.Event()

    def numbers():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    before = set(threading.enumerate())
    items = prefetch(numbers(), 2)
    next(items)
    items.close()
    assert closed.wait(60)
    assert set(threading.enumerate()) <= before
