"""`make demo` with the smallest network and a few seconds of stream."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import demo
import demo_recordings
import numpy as np
import pytest
from waiting import PATIENCE_S, wait_until

from zoedepth_ros.media.color import EDGE

pytest.importorskip('rclpy')
pytest.importorskip('rerun', reason='pip install rerun-sdk')
make_reader = pytest.importorskip('mcap.reader', reason='pip install mcap').make_reader

ROOT = Path(__file__).resolve().parent.parent
DEMO_S = 3 * PATIENCE_S  # safety net: the demo is several programs, one after another
TINY = ('--model', 'ZoeD_tiny_NK', '--weights', 'random')


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, str(ROOT / 'scripts' / 'demo.py'), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        start_new_session=True,
        # A shell that runs the tests in its background has them ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def write_image(path, width=96, height=64):
    noise = np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)
    cv2.imwrite(str(path), noise)
    return path


def test_an_image_becomes_depth_points_and_a_report(tmp_path):
    out = tmp_path / 'out'
    running = start(
        '--image', write_image(tmp_path / 'a b.png'), '--out', out, '--duration', 5, *TINY
    )
    text, _ = running.communicate(timeout=DEMO_S)
    assert running.returncode == 0, text
    assert 'depth and points were received' in text
    report = json.loads((out / 'report.json').read_text())
    topics = report['topics']
    assert {'image', 'camera_info', 'depth/image', 'depth/points', 'domain'} <= set(topics)
    assert (topics['depth/image']['width'], topics['depth/image']['height']) == (640, 427)
    assert topics['depth/points']['frame_id'] == topics['image']['frame_id']
    assert report['node']['weights'] == 'random'
    # Random weights are labelled in the report, in the output and across the image.
    assert report['warning'] == 'random weights: not depth'
    assert 'WARNING: random weights: not depth' in text
    band = cv2.imread(str(out / 'demo.png'))[:, :, 2]
    assert band[band.shape[0] // 2].mean() > 100  # red from edge to edge
    assert (out / 'points.ply').read_bytes().startswith(b'ply')
    counts = report['recording']['messages']
    assert 0 < counts['depth/image'] <= topics['depth/image']['messages']
    assert recorded_messages(out / 'demo.mcap') == {
        f'/{topic}'.replace('//', '/'): count for topic, count in counts.items()
    }
    assert (out / 'demo.rrd').read_bytes().startswith(b'RRF')
    assert re.search(r'ROS 2 bag \(\d+ MB.*\): \S+zoedepth view \S+; .*ros2 bag play \S+', text)
    assert re.search(r'Rerun recording \(\d+ MB\): \S+rerun \S+demo\.rrd$', text.strip())
    assert {log.name for log in out.glob('*.log')} == {'node.log', 'source.log', 'recorder.log'}


def recorded_messages(path):
    """Count the messages of every topic, by mcap's own reader."""
    with path.open('rb') as file:
        reader = make_reader(file, validate_crcs=True)
        return Counter(channel.topic for _, channel, _ in reader.iter_messages())


def test_a_recording_that_fails_is_reported_and_the_demo_continues(tmp_path):
    report = {'recording': {'file': '', 'error': 'recordings need mcap: pip install mcap'}}
    assert demo_recordings.recordings_text(tmp_path, report, Path('zoedepth')) == [
        'no recording: recordings need mcap: pip install mcap'
    ]
    # What `zoedepth view` does without Rerun.
    zoedepth = tmp_path / 'zoedepth'
    zoedepth.write_text(
        'import pathlib, sys\npathlib.Path(sys.argv[4]).write_text("half")\n'
        'sys.exit("warning: old\\nzoedepth: error: viewing needs Rerun: pip install rerun-sdk")'
    )
    report = {
        'recording': {'file': 'demo.mcap', 'size_mb': 12.3, 'messages': {'depth/image': 40}},
        'topics': {'depth/image': {'messages': 120}},
    }
    bag, rerun = demo_recordings.recordings_text(tmp_path, report, zoedepth)
    assert 'ROS 2 bag (12 MB, 40 of 120 images)' in bag
    assert rerun == 'no Rerun recording: viewing needs Rerun: pip install rerun-sdk'
    assert not (tmp_path / 'demo.rrd').exists()


def test_paths_are_shown_as_they_would_be_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert demo_recordings.shown(tmp_path / 'out' / 'demo.mcap') == 'out/demo.mcap'
    assert demo_recordings.shown(tmp_path.parent / 'a') == str(tmp_path.parent / 'a')
    assert demo_recordings.shown(tmp_path / 'a b') == "'a b'"


def test_by_default_a_trajectory_is_compared_with_ground_truth_before_the_photographs(tmp_path):
    pytest.importorskip('numba')
    pytest.importorskip('skimage')
    running = start('--out', tmp_path, '--duration', 12, *TINY)
    text, _ = running.communicate(timeout=DEMO_S)
    assert running.returncode == 0, text
    report = json.loads((tmp_path / 'report.json').read_text())
    scores = report['ground_truth']
    assert 0 < scores['compared'] <= scores['images']
    assert scores['indoor']['abs_rel_percent'] > 5.0  # random weights
    assert scores['router']['doors'][0]['to'] == 'outdoor'
    assert report['topics']['ground_truth/depth']['encoding'] == '32FC1'
    assert set(report['topics']['image']['width']) == {320, 640}
    assert report['files'][:3] == ['report.json', 'demo.png', 'points.ply']
    assert 'trajectory, indoor:' in text
    # The first frame of the trajectory is below the heading, with the warning across it.
    band = cv2.imread(str(tmp_path / 'demo.png'))[300, :, 2]
    assert band.mean() > 100
    yellow = (cv2.imread(str(tmp_path / 'demo.png')) == EDGE).all(axis=2)
    assert yellow.sum() > 1000  # edges of the missing floor of a platform


def test_a_given_source_replaces_the_trajectory(tmp_path):
    given = demo.parse(['--image', str(write_image(tmp_path / 'a.png'))])
    assert demo.source_parameters(given)['source'] == str(tmp_path / 'a.png')
    assert demo.source_parameters(demo.parse(['--camera', '0']))['source'] == '0'
    assert 'wait_for_subscribers' not in demo.source_parameters(demo.parse(['--video', 'a.mp4']))
    assert demo.source_parameters(demo.parse([]))['source'] == ['trajectory', 'photographs']


def test_a_node_that_cannot_start_stops_the_demo_with_the_reason(tmp_path):
    running = start('--out', tmp_path, '--model', 'ZoeD_nonsense', '--weights', 'random')
    text, _ = running.communicate(timeout=DEMO_S)
    assert running.returncode == 1
    assert 'the node ended with 1' in text
    assert re.search(r'demo: error: .*\n.*ZoeD_nonsense', text)
    assert not (tmp_path / 'demo.png').exists()


def test_files_of_an_earlier_run_are_deleted(tmp_path):
    names = ('report.json', 'demo.png', 'points.ply', 'points_2.ply', 'demo.mcap', 'demo.rrd')
    for name in (*names, 'demo.mcap.partial'):
        (tmp_path / name).write_text('old')
    running = start('--image', '/nowhere.png', '--out', tmp_path, *TINY)
    text, _ = running.communicate(timeout=DEMO_S)
    assert running.returncode == 1
    assert '/nowhere.png' in text
    assert not [path.name for path in tmp_path.iterdir() if path.read_bytes() == b'old']
    assert not list(tmp_path.glob('demo.*'))


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_demo_leaves_no_process_behind(tmp_path, how):
    running = start('--out', tmp_path, '--duration', 3600, *TINY)
    mark = str(tmp_path)  # a parameter of the recorder, and in the environment of all
    wait_until(lambda: len(processes_with(mark)) == 4)  # the demo and its three
    running.send_signal(how)
    running.communicate(timeout=DEMO_S)
    wait_until(lambda: not processes_with(mark), lambda: f'{processes_with(mark)} remain')


def processes_with(mark):
    """Return the ids of the processes with this text in their command or environment."""
    found = []
    for entry in Path('/proc').iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            known = (entry / 'cmdline').read_bytes() + (entry / 'environ').read_bytes()
        except OSError:
            continue
        if mark.encode() in known:
            found.append(int(entry.name))
    return found


def test_a_model_on_this_machine_is_preferred_to_random_weights(monkeypatch):
    here = set()
    monkeypatch.setattr(demo, 'cached', lambda name: Path(name) if name in here else None)
    fallback = demo.choose_model(None, None)
    assert (fallback.model, fallback.weights) == ('ZoeD_tiny_NK', 'random')
    assert 'noise' in fallback.warning
    here.add('ZoeD_S_NK')
    assert demo.choose_model(None, None) == demo.Choice('ZoeD_S_NK', '')
    here.add('ZoeD_M12_NK')
    assert demo.choose_model(None, None).model == 'ZoeD_M12_NK'
    assert demo.choose_model('ZoeD_M12_K', None) == demo.Choice('ZoeD_M12_K', '')
    with pytest.raises(demo.DemoError, match='MODEL'):
        demo.choose_model(None, 'file.pt')


def test_a_name_with_blanks_is_one_image_and_several_names_are_several(tmp_path):
    one = write_image(tmp_path / 'a b.png')
    assert demo.image_paths(str(one)) == [str(one)]
    assert demo.image_paths('/x/a.png /x/b.png') == ['/x/a.png', '/x/b.png']
    for text in ("it's.png", '~nobody_of_this_name/a.png'):
        with pytest.raises(demo.DemoError, match=text):
            demo.image_paths(text)


@pytest.mark.parametrize('value', ["it's ü.png", '-a.png', 'a  b; "$$(ls)"'])
def test_make_passes_every_value_unchanged(value):
    names = ('IMAGE', 'VIDEO', 'CAMERA', 'MODEL', 'WEIGHTS', 'DURATION')
    command = ['make', '-n', '-o', 'build', '--no-print-directory', 'demo']
    command += [f'{name}={value}' for name in names]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    given = shlex.split(printed.replace('\\\n', ''))[2:]
    assert given == [f'--{name.lower()}={value.replace("$$", "$")}' for name in names]


def test_the_recorder_waits_longer_while_images_are_rendered():
    here = demo.Choice('ZoeD_tiny_NK', 'random')
    (_, _, rendered), *_ = demo.processes(demo.parse([]), here)
    (_, _, given), *_ = demo.processes(demo.parse(['--image', 'a.png']), here)
    assert rendered['timeout'] > given['timeout']
