import pytest

pytest.importorskip('numba', reason='pip install numba')

from zoedepth_ros.folders import cache_folder
from zoedepth_ros.synthetic.jit import kernel_folder


@pytest.fixture(autouse=True)
def _no_choice(monkeypatch, tmp_path):
    for name in ('ZOEDEPTH_HOME', 'XDG_CACHE_HOME'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('HOME', str(tmp_path))


@pytest.mark.parametrize(
    ('variables', 'expected'),
    [
        ({}, '.cache/zoedepth'),
        ({'XDG_CACHE_HOME': 'xdg'}, 'xdg/zoedepth'),
        ({'XDG_CACHE_HOME': 'xdg', 'ZOEDEPTH_HOME': 'mine'}, 'mine'),
    ],
)
def test_kernels_lie_beside_the_weights(variables, expected, monkeypatch, tmp_path):
    for name, folder in variables.items():
        monkeypatch.setenv(name, str(tmp_path / folder))
    folder = kernel_folder()
    assert folder.parent == tmp_path / expected / 'kernels'
    assert cache_folder() == tmp_path / expected


def test_a_folder_that_cannot_be_made_is_done_without(monkeypatch, tmp_path):
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('ZOEDEPTH_HOME', str(tmp_path / 'file'))
    assert kernel_folder() is None
