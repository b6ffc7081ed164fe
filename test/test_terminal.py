"""Commands and scripts work in terminals that cannot encode all characters."""

import os
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest
from dataset_files import write_sample
from docs_pages import ROOT
from videos import write_avi

ODD = 'küche…日本'
NARROW = {
    'latin-1': {'PYTHONIOENCODING': 'latin-1'},
    'ascii, strict': {'PYTHONIOENCODING': 'ascii:strict'},
    'C': {'LC_ALL': 'C', 'PYTHONUTF8': '0', 'PYTHONCOERCECLOCALE': '0'},
}
RUN = """
import sys
import zoedepth_ros.build
from constant_network import ConstantNetwork
from fake_predictor import FakePredictor
import numpy as np
from zoedepth_ros.cli.main import main
if sys.argv[1] == 'evaluate':
    network = ConstantNetwork(lambda image, head: np.full((6, 8), 2.0))
else:
    network = FakePredictor(2.0)
network.weights_origin = 'k\\u00fcche\\u2026\\u65e5'
zoedepth_ros.build.build_predictor = lambda *_, **__: network
sys.exit(main(sys.argv[1:]))
"""


def run(command, environment, **more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(('LC_', 'LANG', 'PYTHON'))}
    # with the folders of a sourced workspace, which may hold the package under test
    folders = [str(ROOT / 'test' / 'support'), *filter(None, sys.path)]
    return subprocess.run(
        command,
        env={**kept, 'PYTHONPATH': os.pathsep.join(folders), **environment},
        capture_output=True,
        check=False,
        timeout=300,
        **more,
    )


@pytest.fixture
def place(tmp_path):
    """A folder with an image, a video and a data set with unusual names."""
    image = np.zeros((30, 40, 3), np.uint8)
    cv2.imwrite(str(tmp_path / f'{ODD}.png'), image)
    (tmp_path / os.fsdecode(b'k\xfcche.png')).write_bytes(cv2.imencode('.png', image)[1])
    write_avi(tmp_path / 'a.avi', 1, size=(30, 40)).rename(tmp_path / f'{ODD}.avi')
    write_sample(tmp_path / 'data', ODD, np.full((30, 40), 2000))
    return tmp_path


COMMANDS = {
    'predict': [f'{ODD}.png', os.fsdecode(b'k\xfcche.png'), f'{ODD}.avi', '--out', 'out…'],
    'calibrate': [f'{ODD}.png', '--distance', '2', '--out', f'{ODD}.yaml', '--camera', ODD],
    'evaluate': [
        *('--dataset', 'folder', '--root', 'data', '--domain', 'indoor', '--worst', '1'),
        *('--csv', f'{ODD}.csv', '--json', f'{ODD}.json', '--out', 'worst…'),
    ],
    'models': [],
}


@pytest.mark.parametrize('terminal', NARROW)
@pytest.mark.parametrize('command', COMMANDS)
def test_a_command_works_with_any_encoding_of_the_terminal(place, terminal, command):
    line = [sys.executable, '-c', RUN, command, *COMMANDS[command]]
    done = run(line, NARROW[terminal], cwd=place)
    assert done.returncode == 0, done.stderr.decode(errors='replace')
    if command != 'models':
        assert b'che' in done.stdout
    if command == 'predict':
        names = sorted(path.name for path in (place / 'out…').iterdir())
        assert len([name for name in names if name.endswith('.npy')]) == 2
        assert f'{ODD}_avi_frames.csv' in names
    if command == 'evaluate':
        assert f'rgb/{ODD}.png' in (place / f'{ODD}.csv').read_text('utf-8')


@pytest.mark.parametrize('terminal', NARROW)
def test_an_error_is_printed_with_any_encoding_of_the_terminal(place, terminal):
    done = run([sys.executable, '-c', RUN, 'predict', f'{ODD}.jpg'], NARROW[terminal], cwd=place)
    assert done.returncode == 2
    assert done.stderr.startswith(b'zoedepth: error: k')
    assert b'Traceback' not in done.stderr


def test_every_script_replaces_characters_that_the_terminal_cannot_encode():
    pattern = re.compile(r'print_anything\(\)|\.reconfigure\(errors=')
    programs = [path for path in sorted((ROOT / 'scripts').glob('*.py')) if _prints(path)]
    programs += [ROOT / 'zoedepth_ros' / name for name in ('cli/main.py', 'ros/spin.py')]
    assert [path.name for path in programs if not pattern.search(path.read_text('utf-8'))] == []
    assert len(programs) > 8


def _prints(path):
    text = path.read_text('utf-8')
    return "__name__ == '__main__'" in text and 'print(' in text
