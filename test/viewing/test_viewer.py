import socket

import pytest

pytest.importorskip('rerun.chunk', reason='pip install rerun-sdk')

from zoedepth_ros.viewing import viewer


@pytest.fixture
def started(monkeypatch):
    """Give the commands of viewers; a started one listens at its address and port."""
    with socket.socket() as other:
        other.bind(('127.0.0.1', 0))
        port = other.getsockname()[1]
    commands, listening = [], socket.socket()

    class Process:
        def __init__(self, command, **_):
            commands.append(command)
            options = dict(zip(command[3::2], command[4::2], strict=False))
            listening.bind((options['--bind'], int(options['--port'])))
            listening.listen()

    monkeypatch.setattr(viewer, 'WINDOW_PORT', port)
    monkeypatch.setattr(viewer.subprocess, 'Popen', Process)
    yield commands
    listening.close()


def test_one_viewer_is_opened_and_only_this_machine_may_send_to_it(started):
    assert viewer.open_viewer() == viewer.open_viewer()
    (command,) = started
    assert command[1:5] == ['-m', 'rerun_cli', '--bind', '127.0.0.1']
