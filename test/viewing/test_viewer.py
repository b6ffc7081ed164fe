import socket
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rerun.chunk', reason='pip install rerun-sdk')

from waiting import PATIENCE_S, wait_until

from zoedepth_ros.viewing import viewer
from zoedepth_ros.viewing.frame import ViewFrame
from zoedepth_ros.viewing.rerun_log import RerunLog
from zoedepth_ros.viewing.viewer import ViewingError, browser_address

pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='asks the kernel in /proc')

ANY_PORT = 0


@pytest.fixture(autouse=True)
def _start_may_take_long(monkeypatch):
    monkeypatch.setattr(viewer, '_START_S', PATIENCE_S)


@pytest.fixture
def ports():
    """Give two free ones that follow each other."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(('127.0.0.1', ANY_PORT))
            port = first.getsockname()[1]
            try:
                second.bind(('127.0.0.1', port + 1))
            except OSError:
                continue
        return port, port + 1


@pytest.fixture
def serve(ports):
    log = RerunLog(about='', hfov_rad=1.0)
    yield lambda bind: log.serve(*ports, bind=bind)
    log.close()


def subscribers(port):
    """Ask the kernel at which addresses a port is open to others."""
    found = set()
    for table, family in (('tcp', socket.AF_INET), ('tcp6', socket.AF_INET6)):
        for line in Path('/proc/net', table).read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            words, number = address.split(':')
            if state == '0A' and int(number, 16) == port:  # listening
                raw = np.frombuffer(bytes.fromhex(words), '>u4').astype('=u4').tobytes()
                found.add(socket.inet_ntop(family, raw))
    return found


def allowed_origin(origin, port):
    """Ask, as browsers do first, whether a page from elsewhere may read the data."""
    question = {'Origin': origin, 'Access-Control-Request-Method': 'POST'}
    url = f'http://127.0.0.1:{port}/rerun.sdk_comms.v1alpha1.MessageProxyService/ReadMessages'
    request = urllib.request.Request(url, headers=question, method='OPTIONS')
    with urllib.request.urlopen(request, timeout=60.0) as answer:
        return answer.headers.get('Access-Control-Allow-Origin')


def test_only_this_machine_may_look_unless_it_is_configured(serve, ports):
    address = serve('127.0.0.1')
    assert address == f'http://localhost:{ports[0]}/?url=rerun+http://localhost:{ports[1]}/proxy'
    assert [subscribers(port) for port in ports] == [{'127.0.0.1'}, {'127.0.0.1'}]
    with urllib.request.urlopen(address, timeout=60.0) as page:
        assert b'<html' in page.read()
    assert allowed_origin(f'http://localhost:{ports[0]}', ports[1])
    assert not allowed_origin(f'http://robot:{ports[0]}', ports[1])


def test_an_open_viewer_is_usable_under_every_name_of_the_machine(serve, ports):
    serve('0.0.0.0')
    assert [subscribers(port) for port in ports] == [{'0.0.0.0'}, {'0.0.0.0'}]
    assert allowed_origin(f'http://robot:{ports[0]}', ports[1]) == f'http://robot:{ports[0]}'
    assert not allowed_origin('http://somewhere.else', ports[1])


def test_the_viewer_ends_with_the_log(ports):
    log = RerunLog(about='', hfov_rad=1.0)
    log.serve(*ports, bind='127.0.0.1')
    log.log(ViewFrame('a', 0.0, depth_m=np.ones((4, 4), np.float32)))
    log.close()
    wait_until(lambda: not any(map(subscribers, ports)), period_s=0.05)
    assert [subscribers(port) for port in ports] == [set(), set()]


def test_a_taken_port_is_named_and_no_data_goes_there(serve, ports):
    with socket.socket() as other:
        other.bind(('127.0.0.1', ports[1]))
        other.listen()
        with pytest.raises(ViewingError, match=f'port {ports[1]}: Address already in use'):
            serve('127.0.0.1')
        other.settimeout(0.2)
        with pytest.raises(TimeoutError):
            other.accept()


@pytest.mark.parametrize('bind', ['robot', '', '300.1.1.1'])
def test_an_address_that_is_none_is_refused(serve, bind):
    with pytest.raises(ViewingError, match='--bind must be an address of this machine'):
        serve(bind)


@pytest.mark.parametrize(
    ('bind', 'host'),
    [('0.0.0.0', 'localhost'), ('192.168.1.7', '192.168.1.7'), ('::1', '[::1]')],
)
def test_the_page_is_where_the_viewer_listens(bind, host):
    address = browser_address(bind, 9090, 9091)
    assert address == f'http://{host}:9090/?url=rerun+http://{host}:9091/proxy'
