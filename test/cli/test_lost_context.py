"""What the commands do when a CUDA error leaves their process without a GPU."""

from types import SimpleNamespace

import bags
import cv2
import numpy as np
import pytest
from dataset_files import write_sample
from fake_predictor import FakePredictor, plane

from zoedepth_ros.cli.main import main
from zoedepth_ros.inference.result import ContextLost

REASON = 'cuda:0: CUDA error: unspecified launch failure'
EXIT_CODE = 75  # EX_TEMPFAIL of sysexits.h


class Lost(FakePredictor):
    """Lose the context at the second image."""

    def __init__(self):
        super().__init__(self._depth)

    def _depth(self, rgb, head):
        if self.calls > 1:
            raise ContextLost(REASON)
        return plane(*rgb.shape[:2])


def images(folder):
    for number in range(3):
        cv2.imwrite(str(folder / f'{number}.png'), np.full((48, 64, 3), 100, np.uint8))
    return sorted(map(str, folder.glob('*.png')))


def tree(folder):
    for stem in '012':
        write_sample(folder / 'data', stem, np.full((48, 64), 2000))
    return str(folder / 'data')


def command(name, folder):
    if name == 'predict':
        return ['predict', *images(folder), '--out', str(folder / 'out')]
    if name == 'evaluate':
        return ['evaluate', '--dataset', 'folder', '--root', tree(folder), '--domain', 'indoor',
                '--no-flip', '--json', str(folder / 'scores.json')]  # fmt: skip
    source = str(bags.write_mcap(folder / 'in.mcap', bags.drive(3)))
    if name == 'bag':
        return ['bag', source, str(folder / 'out.mcap')]
    pytest.importorskip('rerun', reason='pip install rerun-sdk')
    return ['view', source, '--save', str(folder / 'out.rrd')]


@pytest.mark.parametrize('name', ['predict', 'bag', 'view', 'evaluate'])
def test_a_lost_context_is_one_line_and_an_exit_code_and_nothing_more_is_tried(
    name, tmp_path, use, capfd
):
    lost = use(Lost())
    assert main(command(name, tmp_path)) == EXIT_CODE
    assert lost.calls == 2
    lines = [line for line in capfd.readouterr().err.splitlines() if 'error' in line.lower()]
    advice = 'only a new process can use the GPU again; run the command again'
    assert lines == [f'zoedepth: error: {REASON}: {advice}']


def test_what_was_written_before_is_whole_and_the_next_run_goes_on(tmp_path, use):
    arguments = command('predict', tmp_path)
    use(Lost())
    main(arguments)
    written = sorted(path for path in (tmp_path / 'out').iterdir() if path.suffix == '.png')
    assert written
    assert all(path.name.startswith('0_') for path in written)
    assert all(cv2.imread(str(path), cv2.IMREAD_UNCHANGED) is not None for path in written)
    arguments = command('bag', tmp_path)
    use(Lost())
    main(arguments)
    use(FakePredictor(2.0))
    assert main(arguments) == 0
    assert len(bags.messages_of(tmp_path / 'out.mcap', '/depth/image')) == 3


def test_an_error_of_the_device_in_a_training_run_is_one_line(tmp_path, monkeypatch, capsys):
    import torch
    from tiny_recipe import write_recipe

    def train(*_, **__):
        raise RuntimeError('CUDA error: unspecified launch failure\nCompile with TORCH_USE_...')

    process = SimpleNamespace(device=torch.device('cuda:0'), leads=True)
    monkeypatch.setattr('zoedepth_ros.training.distributed.join', lambda device: process)
    monkeypatch.setattr('zoedepth_ros.training.run.train', train)
    monkeypatch.setattr('zoedepth_ros.inference.devices._context_is_lost', lambda device: True)
    assert main(['train', str(write_recipe(tmp_path))]) == EXIT_CODE
    assert capsys.readouterr().err.startswith(f'zoedepth: error: {REASON}: only a new process')
