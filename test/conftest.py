"""What all tests share: the environment of the network, and rclpy in a DDS domain of its own."""

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
