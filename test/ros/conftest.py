"""rclpy in a DDS domain of its own, a peer in this process, nodes in others."""

import pytest
import ros_harness


@pytest.fixture(scope='session')
def ros():
    import rclpy

    ros_harness.isolate()
    if not rclpy.ok():
        rclpy.init()
    yield
    rclpy.try_shutdown()


@pytest.fixture(scope='session')
def the_peer(ros):
    """One for all tests: Fast DDS takes seconds to notice a node made just after another ended."""
    made = ros_harness.Peer()
    yield made
    made.close()


@pytest.fixture
def peer(the_peer):
    yield the_peer
    the_peer.forget()


@pytest.fixture
def start(ros):
    """Give a function that starts a node with a fake predictor; it is stopped after the test."""
    started = []

    def start_node(*args, **options):
        started.append(ros_harness.NodeProcess(*args, **options))
        return started[-1]

    yield start_node
    for node in started:
        node.stop()
    for node in started:
        assert 'Traceback' not in node.log, node.log


@pytest.fixture
def hold(tmp_path):
    """Give a file as long as which exists a fake node with `hold` or `hold_load` waits."""
    path = tmp_path / 'hold'
    path.touch()
    yield path
    path.unlink(missing_ok=True)
