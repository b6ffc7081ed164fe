"""Nodes with a fake predictor in processes of their own."""

import sys

import pytest
import ros_harness


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
        sys.stdout.write(f'{node.log}\n')  # pytest shows it where the test failed
    for node in started:
        assert 'Traceback' not in node.log, node.log


@pytest.fixture
def hold(tmp_path):
    """Give a file as long as which exists a fake node with `hold` or `hold_load` waits."""
    path = tmp_path / 'hold'
    path.touch()
    yield path
    path.unlink(missing_ok=True)
