import time
from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy')

from zoedepth_ros.demo import raw_messages


@pytest.fixture
def subscribed(monkeypatch):
    """Give a function that makes a distribution's callback, and what it then takes."""

    def subscribe(subscription):
        monkeypatch.setattr(raw_messages, 'Subscription', subscription)
        made, taken = [], []
        node = SimpleNamespace(create_subscription=lambda *args, raw: made.append((args[2], raw)))
        raw_messages.subscribe_raw(node, object, 'image', lambda *all_: taken.append(all_), None)
        ((callback, raw),) = made
        assert raw
        return callback, taken

    return subscribe


def test_the_times_are_the_middlewares_where_it_tells_them(subscribed):
    callback, taken = subscribed(SimpleNamespace(CallbackType=object))
    callback(b'a', {'source_timestamp': 5, 'received_timestamp': 7})
    callback(b'b', {'source_timestamp': 0, 'received_timestamp': 9})
    assert taken == [(b'a', 7, 5), (b'b', 9, 9)]


def test_on_humble_both_times_are_now(subscribed):
    callback, taken = subscribed(SimpleNamespace())
    before_ns = time.time_ns()
    callback(b'a')
    ((data, came_ns, published_ns),) = taken
    assert data == b'a'
    assert before_ns <= came_ns == published_ns <= time.time_ns()
