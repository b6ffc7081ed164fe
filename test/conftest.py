"""What all tests share: the environment of the network, a predictor for commands, a DDS domain."""

import os

import pytest

from zoedepth_ros.environment import thread_environment

os.environ.update(thread_environment(os.environ))  # before any test imports torch
os.environ['ZOEDEPTH_MEASURE'] = '0'  # neither speed nor the user's cache changes what runs


@pytest.fixture(scope='session')
def ros():
    import rclpy
    import ros_harness

    ros_harness.isolate()
    if not rclpy.ok():
        rclpy.init()
    yield
    rclpy.try_shutdown()


@pytest.fixture(scope='session')
def the_peer(ros):
    """One for all tests: Fast DDS takes seconds to notice a node made just after another ended."""
    import ros_harness

    made = ros_harness.Peer()
    yield made
    made.close()


@pytest.fixture
def peer(the_peer):
    yield the_peer
    the_peer.forget()


@pytest.fixture
def use(monkeypatch):
    """Return a function that makes commands use this predictor and returns it.

    Its attribute `arguments` has those of build_predictor; None before.
    """

    def use(predictor):
        def build(*args, **_):
            predictor.arguments = args
            return predictor

        predictor.arguments = None
        monkeypatch.setattr('zoedepth_ros.build.build_predictor', build)
        return predictor

    return use
