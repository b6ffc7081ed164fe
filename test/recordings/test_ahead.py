import threading
import time

import pytest

pytest.importorskip('mcap', reason='pip install mcap')

from zoedepth_ros.recordings.ahead import ahead


def test_items_come_in_order_from_another_thread():
    threads = set()

    def numbers():
        for number in range(100):
            threads.add(threading.get_ident())
            yield number

    assert list(ahead(numbers(), 3)) == list(range(100))
    assert threading.get_ident() not in threads


def test_it_runs_ahead_but_not_farther_than_the_limit():
    made = []

    def numbers():
        for number in range(50):
            made.append(number)
            yield number

    items = ahead(numbers(), 4)
    next(items)
    time.sleep(0.2)
    assert 4 <= len(made) <= 6
    items.close()


def test_an_error_arrives_where_the_items_are_taken():
    def numbers():
        yield 1
        raise KeyError('gone')

    items = ahead(numbers(), 4)
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

    before = threading.active_count()
    items = ahead(numbers(), 2)
    next(items)
    items.close()
    assert closed.wait(5)
    assert threading.active_count() == before
