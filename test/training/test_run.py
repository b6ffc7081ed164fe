"""Whole runs of a tiny network on a few images."""

import contextlib
import csv
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors import safe_open
from tiny_recipe import configured, losses, recipe, write_cameras, write_recipe
from waiting import PATIENCE_S, wait_until

from zoedepth_ros.datasets.file_formats import DatasetError
from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.zoedepth import ZoeDepth
from zoedepth_ros.training.distributed import Process
from zoedepth_ros.training.examples import Example, at_network_size
from zoedepth_ros.training.loop import Progress
from zoedepth_ros.training.run import train
from zoedepth_ros.weights.errors import WeightsError
from zoedepth_ros.weights.load import load_weights
from zoedepth_ros.weights.read import read_checkpoint

TORCHRUN = ['-m', 'torch.distributed.run', '--standalone']
IN_DOUBLE = Path(__file__).parents[1] / 'support' / 'train_in_double.py'
ENVIRONMENT = {
    **os.environ,
    'OMP_NUM_THREADS': '1',
    'PYTHONPATH': os.pathsep.join(p for p in sys.path if p),
}


def run(folder, **changes):
    return train(configured(folder, **changes), Process())


@pytest.fixture(scope='module', autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp('finished')
    run(folder)
    return folder / 'out'


def test_both_stages_write_a_curve_of_every_step(finished):
    assert len(losses(finished, 'relative')) == 6
    assert len(losses(finished, 'metric')) == 10
    domains = [row.split(',')[1] for row in (finished / 'metric_losses.csv').open()][1:]
    assert domains == ['indoor', 'outdoor'] * 5


def test_the_best_weights_fit_the_preset_and_report_their_scores(finished):
    model = ZoeDepth(preset('ZoeD_tiny_NK'))
    report = load_weights(model, finished / 'metric_best.safetensors')
    assert report.metadata['stage'] == 'metric'
    assert 0 < float(report.metadata['validation_indoor_abs_rel']) < 10
    rows = (finished / 'metric_scores.csv').read_text().splitlines()
    column = rows[0].split(',').index('score')
    scores = [float(row.split(',')[column]) for row in rows[1:]]
    assert float(report.metadata['validation_score']) == pytest.approx(min(scores), 1e-5)


def test_training_a_tiny_network_lowers_the_loss(tmp_path):
    stage = {**recipe(tmp_path)['stages'][1], 'steps': 60, 'average_decay': 0.0}
    run(tmp_path, stages=[{**stage, 'validate_every': 100}], checkpoint_every=1000)
    curve = losses(tmp_path / 'out', 'metric')
    assert np.mean(curve[-20:]) < 0.75 * np.mean(curve[:4])


KILLED = """
import os, signal, sys
from pathlib import Path
from tiny_recipe import configured
from zoedepth_ros.training.distributed import Process
from zoedepth_ros.training.loop import Progress
from zoedepth_ros.training.run import train

class Fatal(Progress):
    stage, done = '', 0
    def start(self, stage, done, total):
        self.stage, self.done = stage, done
    def step(self, values):
        self.done += 1
        if self.stage == 'metric' and self.done == 7:
            os.kill(os.getpid(), signal.SIGKILL)

train(configured(Path(sys.argv[1])), Process(), progress=Fatal())
"""


BAR = """
from zoedepth_ros.training.loop import Progress
progress = Progress(shown=True)
progress.start('metric', 2, 5)
progress.step({'loss': 0.5})
progress.start('next', 0, 1)
"""


def test_the_bars_of_a_run_follow_the_environment_variables_of_tqdm():
    for value, is_shown in (('1', False), ('', True)):
        process = subprocess.run(
            [sys.executable, '-c', BAR],
            env={**ENVIRONMENT, 'TQDM_DISABLE': value},
            capture_output=True,
            check=True,
        )
        assert (b'metric:' in process.stderr) is is_shown


def test_a_killed_run_resumes_with_the_curve_of_an_undisturbed_one(finished, tmp_path):
    command = [sys.executable, '-c', KILLED, str(tmp_path)]
    process = subprocess.run(
        command, env=ENVIRONMENT, capture_output=True, timeout=3.0 * PATIENCE_S
    )
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()
    assert not (tmp_path / 'out' / 'final.safetensors').exists()
    resumed = Recorder()
    train(configured(tmp_path), Process(), progress=resumed)
    assert resumed.started == [('metric', 4, 10)], 'at most one interval of 4 steps is done again'
    for stage in ('relative', 'metric'):
        assert losses(tmp_path / 'out', stage) == losses(finished, stage)
    assert same_weights(tmp_path / 'out', finished)


class Recorder(Progress):
    def __init__(self):
        super().__init__()
        self.started = []

    def start(self, stage, done, total):
        self.started.append((stage, done, total))


def same_weights(first, second):
    with (
        safe_open(first / 'final.safetensors', 'pt') as one,
        safe_open(second / 'final.safetensors', 'pt') as other,
    ):
        return all(torch.equal(one.get_tensor(k), other.get_tensor(k)) for k in one.keys())  # noqa: SIM118


def test_a_finished_run_is_left_as_it_is(finished):
    again = Recorder()
    before = (finished / 'metric_losses.csv').read_text()
    train(configured(finished.parent), Process(), progress=again)
    assert again.started == [('metric', 10, 10)]
    assert (finished / 'metric_losses.csv').read_text() == before


def test_the_checkpoint_of_a_run_is_refused_as_weights(finished):
    with pytest.raises(
        WeightsError, match='a checkpoint of `zoedepth train`.* use a .safetensors'
    ):
        read_checkpoint(finished / 'latest.pt')


def test_a_folder_with_a_run_of_other_settings_is_refused(finished):
    with pytest.raises(ValueError, match=r'other settings \(seed\)'):
        run(finished.parent, seed=6)


def test_a_folder_in_which_another_run_writes_is_refused(tmp_path):
    class Second(Progress):
        def start(self, stage, done, total):
            with pytest.raises(ValueError, match='another training writes into this folder'):
                run(tmp_path)

    train(configured(tmp_path), Process(), progress=Second())
    run(tmp_path)  # the lock ends with the run


def test_two_processes_give_the_losses_of_one(tmp_path):
    # In float32 the first losses agree to 4e-7, but every step of a network this small multiplies
    # the difference: 1e-5 after six of them. In float64 only a real difference is left.
    stages = [{**stage, 'validate_every': 1000} for stage in recipe(tmp_path)['stages']]
    launchers = {'one': [], 'two': [*TORCHRUN, '--nproc-per-node=2']}
    for name, launcher in launchers.items():
        path = write_recipe(tmp_path, stages=stages, output=str(tmp_path / name))
        process = subprocess.run(
            [sys.executable, *launcher, str(IN_DOUBLE), 'train', str(path), '--device', 'cpu'],
            env=ENVIRONMENT,
            capture_output=True,
            timeout=3.0 * PATIENCE_S,
        )
        assert process.returncode == 0, process.stderr.decode()
    for stage in ('relative', 'metric'):
        split, whole = losses(tmp_path / 'two', stage), losses(tmp_path / 'one', stage)
        assert len(split) == len(whole) > 0
        assert split == pytest.approx(whole, rel=1e-5, abs=0.0)


WAITING = """
import os, sys, threading
from pathlib import Path
from zoedepth_ros.training import distributed
distributed.join('cpu')
(Path(sys.argv[1]) / str(os.getpid())).touch()
threading.Event().wait()
"""


def test_the_processes_of_a_killed_torchrun_end(tmp_path):
    (tmp_path / 'script.py').write_text(WAITING)
    joined = tmp_path / 'joined'
    joined.mkdir()
    launcher = subprocess.Popen(
        [sys.executable, *TORCHRUN, '--nproc-per-node=2', str(tmp_path / 'script.py'), joined],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_until(lambda: launcher.poll() is not None or len(list(joined.iterdir())) == 2)
        launcher.kill()
        # Returns when no process has the other end of the pipe any more.
        output, _ = launcher.communicate(timeout=PATIENCE_S)
    except BaseException:
        launcher.kill()
        for file in joined.iterdir():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(file.name), signal.SIGKILL)
        raise
    assert launcher.returncode == -signal.SIGKILL, output.decode()


def test_stage_two_starts_from_the_weights_of_stage_one(tmp_path):
    stages = recipe(tmp_path)['stages']
    run(tmp_path, stages=stages[:1])
    first = tmp_path / 'out' / 'final.safetensors'
    frozen = {**stages[1], 'steps': 1, 'learning_rate': 1e-12, 'weight_decay': 0.0}
    run(tmp_path, stages=[frozen], weights=str(first), output=str(tmp_path / 'next'))
    with (
        safe_open(first, 'pt') as one,
        safe_open(tmp_path / 'next' / 'final.safetensors', 'pt') as other,
    ):
        name = 'relative_head.conv1.weight'
        assert torch.allclose(one.get_tensor(name), other.get_tensor(name), atol=1e-7)


def test_a_run_that_starts_again_may_have_other_losses(tmp_path):
    stage = {**recipe(tmp_path)['stages'][1], 'steps': 1}
    run(tmp_path, stages=[stage])
    config = configured(tmp_path, stages=[{**stage, 'log_error_weight': 1.0}])
    train(config, Process(), restart=True)
    (row,) = csv.DictReader((tmp_path / 'out' / 'metric_losses.csv').open())
    assert float(row['log_error']) > 0


def test_an_interrupted_restart_is_not_resumed_from_the_earlier_run(tmp_path):
    stage = {**recipe(tmp_path)['stages'][0], 'steps': 2}
    run(tmp_path, stages=[stage])
    config = configured(tmp_path, stages=[stage], seed=6)

    class Interrupted(Recorder):
        def step(self, values):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, Process(), restart=True, progress=Interrupted())
    resumed = Recorder()
    train(config, Process(), progress=resumed)
    assert resumed.started == [('relative', 0, 2)]


def test_a_batch_may_have_images_of_several_sizes(tmp_path):
    config = configured(tmp_path, stages=recipe(tmp_path)['stages'][1:])
    depth_m = tmp_path / 'outdoor' / 'depth' / '3.npy'
    np.save(depth_m, np.load(depth_m)[:, :64])
    image = tmp_path / 'outdoor' / 'rgb' / '3.png'
    cv2.imwrite(str(image), cv2.imread(str(image))[:, :64])
    train(config, Process())
    rows = list(csv.DictReader((tmp_path / 'out' / 'metric_losses.csv').open()))
    assert rows
    assert all(math.isfinite(float(row['loss'])) for row in rows)


def test_ground_truth_at_network_size_keeps_its_values_and_its_unknown_pixels():
    ground_truth_m = torch.arange(1.0, 25.0).reshape(1, 4, 6)
    mask = ground_truth_m != 9.0
    one = Example(torch.zeros(3, 2, 3), ground_truth_m, mask, torch.tensor(0), torch.tensor(1.0))
    smaller = at_network_size(one)
    # Pixel centres of the small map lie between pixels 0 and 1, 2 and 3, ... of the large one.
    assert smaller.ground_truth_m.tolist() == [[[8.0, 10.0, 12.0], [20.0, 22.0, 24.0]]]
    assert smaller.mask.all()
    larger = at_network_size(one._replace(image=torch.zeros(3, 8, 12)))
    assert (larger.ground_truth_m[0, ::2, 1::2] == ground_truth_m[0]).all()
    assert larger.mask.logical_not().sum() == 4


def test_a_damaged_image_is_named_by_a_process_that_loads_images(tmp_path):
    config = configured(tmp_path, stages=recipe(tmp_path)['stages'][:1], workers=1)
    for image in (tmp_path / 'indoor' / 'rgb').iterdir():
        image.write_bytes(b'no image')
    with pytest.raises(DatasetError, match=r'^folder: .*\.png: the file is not an image'):
        train(config, Process())


def test_a_loss_that_is_no_number_stops_the_run(tmp_path):
    stage = {**recipe(tmp_path)['stages'][1], 'learning_rate': 1e30, 'clip_norm': 0}
    with pytest.raises(ValueError, match='stage metric: the loss of step'):
        run(tmp_path, stages=[stage])


def test_the_weights_name_the_training_camera_and_the_exponent_of_the_recipe(tmp_path):
    stages = [{**stage, 'steps': 1} for stage in recipe(tmp_path)['stages'][:1]]
    write_cameras(tmp_path)
    best = run(tmp_path, stages=stages, training_hfov_deg=65, focal_exponent=0.8)
    for path in (best, tmp_path / 'out' / 'final.safetensors'):
        assert read_checkpoint(path).metadata['training_hfov_deg'] == '65'
        assert read_checkpoint(path).metadata['focal_exponent'] == '0.8'
