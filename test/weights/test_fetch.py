"""Weights arrive whole or not at all, and a failure reports how to do it by hand."""

import errno
import hashlib
import os
import shutil
import socket
from dataclasses import replace

import pytest
from file_server import file_server

from zoedepth_ros.folders import cache_folder
from zoedepth_ros.weights import download as download_module
from zoedepth_ros.weights import known_weights
from zoedepth_ros.weights.fetch import FetchError, fetch
from zoedepth_ros.weights.known_weights import GithubAsset, HuggingFaceFile, ModelSource
from zoedepth_ros.weights.locations import cached

PT = os.urandom(3_000_000)
SAFETENSORS = os.urandom(2_000_000)
HUB_PATH = '/Intel/some-model/resolve/main/model.safetensors'
PT_PATH = '/releases/some.pt'


@pytest.fixture
def server():
    with file_server() as running:
        running.files = {HUB_PATH: SAFETENSORS, PT_PATH: PT}
        yield running


@pytest.fixture
def world(server, tmp_path, monkeypatch):
    """Know one model, 'some', on the local server; keep every cache inside tmp_path."""
    model = ModelSource(
        name='some',
        kind='released',
        heads=('indoor',),
        parameters=1,
        purpose='tests',
        hugging_face=HuggingFaceFile('Intel/some-model', 'model.safetensors', len(SAFETENSORS)),
        github=GithubAsset(server.url + PT_PATH, len(PT)),
    )
    monkeypatch.setattr(known_weights, 'MODELS', {'some': model})
    for variable in ('HF_HUB_OFFLINE', 'HF_HOME', 'TORCH_HOME'):
        monkeypatch.delenv(variable, raising=False)
    for variable in ('http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', False)
    monkeypatch.setenv('HF_ENDPOINT', server.url)
    monkeypatch.setenv('ZOEDEPTH_HOME', str(tmp_path / 'home'))
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'xdg'))
    monkeypatch.setattr(download_module, '_PAUSE_S', 0.0)
    return tmp_path / 'home'


@pytest.fixture
def only(world, monkeypatch):
    """Return a function that takes the other source away, or changes the model."""

    def take(source, **changes):
        changes[{'github': 'hugging_face', 'huggingface': 'github'}[source]] = None
        model = replace(known_weights.MODELS['some'], **changes)
        monkeypatch.setattr(known_weights, 'MODELS', {'some': model})

    return take


def no_halves(folder):
    return not [
        p for p in folder.rglob('*') if p.is_file() and p.suffix in ('.pt', '.safetensors')
    ]


def test_hugging_face_is_requested_first(world, server):
    path = fetch('some')
    assert path.read_bytes() == SAFETENSORS
    assert world in path.parents
    assert {path for path, _ in server.gets} == {HUB_PATH}


def test_github_is_enough(world, server, only):
    only('github')
    assert fetch('some') == world / 'some.pt'
    assert (world / 'some.pt').read_bytes() == PT
    assert {path for path, _ in server.gets} == {PT_PATH}


@pytest.mark.parametrize('source', ['huggingface', 'github'])
def test_what_is_here_already_is_used_without_the_network(world, server, only, source):
    only(source)
    first = fetch('some')
    requested = len(server.requests)
    assert fetch('some') == first
    assert len(server.requests) == requested


def test_without_a_choice_the_cache_is_the_users(monkeypatch, tmp_path):
    monkeypatch.delenv('ZOEDEPTH_HOME', raising=False)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert cache_folder() == tmp_path / 'zoedepth'
    monkeypatch.delenv('XDG_CACHE_HOME')
    monkeypatch.setenv('HOME', str(tmp_path))
    assert cache_folder() == tmp_path / '.cache' / 'zoedepth'


def test_github_is_the_second_choice_when_hugging_face_fails(world, server):
    del server.files[HUB_PATH]
    assert fetch('some').read_bytes() == PT


def test_a_broken_transfer_from_github_is_resumed_where_it_broke(world, server, only):
    only('github')
    server.break_after = [1_200_000]
    assert fetch('some').read_bytes() == PT
    assert [span for _, span in server.gets] == ['', 'bytes=1200000-']


def test_a_transfer_broken_in_an_earlier_run_is_resumed(world, server, only, monkeypatch):
    only('github')
    monkeypatch.setattr(download_module, '_ATTEMPTS', 1)
    server.break_after = [2_000_000]
    with pytest.raises(FetchError, match=r'2,000,000 of 3,000,000'):
        fetch('some')
    assert no_halves(world)
    assert cached('some') is None
    assert fetch('some').read_bytes() == PT
    assert server.gets[-1] == (PT_PATH, 'bytes=2000000-')


def test_a_file_that_changed_on_the_server_is_not_glued_to_the_old_half(
    world, server, only, monkeypatch
):
    only('github')
    monkeypatch.setattr(download_module, '_ATTEMPTS', 1)
    server.break_after = [1_000_000]
    with pytest.raises(FetchError):
        fetch('some')
    server.files[PT_PATH] = bytes(reversed(PT))
    assert fetch('some').read_bytes() == bytes(reversed(PT))


def test_without_a_version_from_the_server_a_transfer_starts_again(world, server, only):
    only('github')
    server.etag = False
    server.break_after = [1_000_000]
    assert fetch('some').read_bytes() == PT
    assert [span for _, span in server.gets] == ['', '']


def test_a_run_that_ended_just_before_the_rename_needs_no_second_transfer(world, server, only):
    only('github')
    whole = fetch('some')
    whole.rename(world / 'some.pt.part')
    (world / 'some.pt.part.version').write_text(f'"{hashlib.sha256(PT).hexdigest()}"')
    assert fetch('some').read_bytes() == PT


def test_a_transfer_that_never_moves_ends_with_an_error_and_no_file(world, server, only):
    only('github')
    server.break_after = [0] * 100
    with pytest.raises(FetchError, match=r'0 of 3,000,000 bytes'):
        fetch('some')
    assert no_halves(world)


def test_a_broken_transfer_from_hugging_face_leaves_no_file_behind(world, server, only):
    only('huggingface')
    server.break_after = [1_000_000] * 100
    with pytest.raises(FetchError, match='huggingface: '):
        fetch('some')
    assert cached('some') is None
    server.break_after = []
    assert fetch('some').read_bytes() == SAFETENSORS


def test_a_missing_file_is_an_error_with_the_manual_way(world, server):
    server.files = {}
    with pytest.raises(FetchError) as raised:
        fetch('some')
    text = str(raised.value)
    assert 'huggingface: ' in text
    assert 'github: the server answered 404' in text
    assert server.url + PT_PATH in text
    assert server.url + HUB_PATH in text
    assert f'-> {world / "some.pt"}' in text
    assert f'-> {world / "some.safetensors"}' in text
    assert '--weights PATH' in text


@pytest.mark.parametrize('name', ['some.pt', 'some.safetensors'])
def test_the_manual_way_works(world, server, name):
    world.mkdir()
    (world / name).write_bytes(b'copied by hand')
    assert fetch('some') == world / name
    assert server.requests == []


def test_the_authors_own_download_is_used(world, server, tmp_path):
    theirs = tmp_path / 'xdg' / 'torch' / 'hub' / 'checkpoints' / 'some.pt'
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(PT)
    assert fetch('some') == theirs


@pytest.mark.parametrize('word', ['1', 'true', 'YES'])
def test_offline_means_no_network(world, server, monkeypatch, word):
    monkeypatch.setenv('HF_HUB_OFFLINE', word)
    with pytest.raises(FetchError, match='HF_HUB_OFFLINE') as raised:
        fetch('some')
    assert 'Manually' in str(raised.value)
    assert server.requests == []


def test_no_network_is_reported_in_words(only):
    only('github', github=GithubAsset('http://127.0.0.1:9/some.pt', len(PT)))
    with pytest.raises(
        FetchError, match='github: there is no connection to the server: .*refused'
    ):
        fetch('some')


def test_a_dead_hub_is_noticed_at_once_and_in_one_line(world, only, monkeypatch, capfd):
    only('huggingface')
    monkeypatch.setenv('HF_ENDPOINT', 'http://127.0.0.1:9')
    tries, connect = [], socket.create_connection
    monkeypatch.setattr(
        socket, 'create_connection', lambda *given: tries.append(given[0]) or connect(*given)
    )
    monkeypatch.setattr('huggingface_hub.hf_hub_download', None)  # it would go on trying
    with pytest.raises(
        FetchError,
        match=r'huggingface: there is no connection to the server: 127\.0\.0\.1: .*refused',
    ):
        fetch('some')
    assert tries == [('127.0.0.1', 9)]
    assert capfd.readouterr().err == ''


def test_an_address_of_the_hub_without_https_is_named(world, only, monkeypatch):
    only('huggingface')
    monkeypatch.setenv('HF_ENDPOINT', 'hub.example')
    message = r"huggingface: HF_ENDPOINT must begin with https:// or http://, got 'hub.example'"
    with pytest.raises(FetchError, match=message):
        fetch('some')


def test_a_login_page_is_not_taken_for_weights(world, server, only):
    only('github')
    server.files[PT_PATH] = b'<html>please log in</html>'
    with pytest.raises(FetchError, match='wrong size: expected about .* bytes, got 26'):
        fetch('some')
    assert no_halves(world)


def test_a_full_disk_is_reported_before_the_transfer_and_stops_the_search(
    world, server, monkeypatch
):
    del server.files[HUB_PATH]
    usage = shutil._ntuple_diskusage(10, 9, 1_000)
    monkeypatch.setattr(download_module.shutil, 'disk_usage', lambda _: usage)
    with pytest.raises(FetchError, match=r'disk is full.*3,000,000 bytes are needed, 1,000 are'):
        fetch('some')
    assert no_halves(world)


def test_a_disk_that_fills_up_during_the_transfer_leaves_no_file_to_be_taken_for_whole(
    world, only, monkeypatch
):
    """The kernel may report it only when the file is flushed."""
    only('github')

    def full(_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr(download_module.os, 'fsync', full)
        with pytest.raises(FetchError, match='disk is full'):
            fetch('some')
    assert not [p.name for p in world.iterdir() if p.suffix == '.pt']
    assert fetch('some').read_bytes() == PT


def test_a_folder_that_cannot_be_written_is_an_error_that_names_it(world):
    world.write_text('not a folder')
    with pytest.raises(FetchError, match=f'{world}'):
        fetch('some')


def test_an_unknown_model_is_a_value_error(world):
    with pytest.raises(ValueError, match='no weights are published'):
        fetch('other')


def test_a_bar_shows_the_progress(world, only, capfd):
    only('github')
    fetch('some')
    assert '100%' in capfd.readouterr().err
