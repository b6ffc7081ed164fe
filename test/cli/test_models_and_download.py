"""`zoedepth models` and `zoedepth download`."""

import hashlib

import pytest

from zoedepth_ros.cli.main import main
from zoedepth_ros.cli.models import size_text
from zoedepth_ros.weights import known_weights
from zoedepth_ros.weights.fetch import FetchError


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Every cache is in tmp_path, and there is no internet."""
    monkeypatch.setenv('ZOEDEPTH_HOME', str(tmp_path / 'home'))
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'xdg'))
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    monkeypatch.setattr(known_weights, 'EMBEDDED_FOLDER', tmp_path / 'embedded')
    (tmp_path / 'home').mkdir()
    return tmp_path / 'home'


def row_of(text, name):
    return next(line for line in text.splitlines() if line.split()[:1] == [name])


def test_the_table_has_the_purpose_and_that_a_model_is_not_local(home, capsys):
    assert main(['models']) == 0
    row = row_of(capsys.readouterr().out, 'ZoeD_M12_NK')
    for cell in ('indoor, outdoor', '346.1 M', '1.38 GB', ' no ', 'router'):
        assert cell in row


def test_the_table_has_the_path_of_local_weights(home, capsys):
    (home / 'ZoeD_M12_K.pt').write_bytes(b'weights')
    main(['models'])
    text = capsys.readouterr().out
    assert ' yes ' in row_of(text, 'ZoeD_M12_K')
    assert ' no ' in row_of(text, 'ZoeD_M12_N')
    assert f'ZoeD_M12_K is {home / "ZoeD_M12_K.pt"}' in text


def test_an_embedded_model_is_listed_only_if_it_is_in_the_package(home, tmp_path, capsys):
    main(['models'])
    assert 'ZoeD_S_NK' not in [line.split()[:1] for line in capsys.readouterr().out.splitlines()]
    (tmp_path / 'embedded').mkdir()
    (tmp_path / 'embedded' / 'ZoeD_S_NK.safetensors').write_bytes(b'weights')
    main(['models'])
    assert ' yes ' in row_of(capsys.readouterr().out, 'ZoeD_S_NK')


def test_a_local_model_is_not_downloaded_and_prints_path_and_checksum(home, capsys):
    (home / 'ZoeD_M12_K.pt').write_bytes(b'weights')
    assert main(['download', 'ZoeD_M12_K']) == 0
    text = capsys.readouterr().out
    assert str(home / 'ZoeD_M12_K.pt') in text
    assert hashlib.sha256(b'weights').hexdigest() in text


def test_without_internet_the_manual_download_is_described(home, capsys):
    assert main(['download', 'ZoeD_M12_N']) == 2
    text = capsys.readouterr().err
    assert 'releases/download/v1.0/ZoeD_M12_N.pt' in text
    assert str(home / 'ZoeD_M12_N.pt') in text


def test_a_wrong_name_is_reported_before_any_download(home, monkeypatch, capsys):
    def fetch(*args, **kwargs):
        raise FetchError('must not be called')

    monkeypatch.setattr('zoedepth_ros.weights.fetch.fetch', fetch)
    assert main(['download', 'ZoeD_M12_N', 'ZoeD_X']) == 2
    assert "'ZoeD_X'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ('size', 'text'),
    [(7, '7 B'), (1_500, '1.5 kB'), (1_443_000_000, '1.44 GB'), (25e9, '25 GB')],
)
def test_sizes_have_three_digits_and_a_unit(size, text):
    assert size_text(size) == text
