import numpy as np
import pytest
from fake_predictor import FakePredictor

pytest.importorskip('rerun.chunk', reason='pip install rerun-sdk')

from rerun.chunk import RrdReader

from zoedepth_ros.cli.main import main
from zoedepth_ros.output.files import write_picture


@pytest.fixture
def predictor(monkeypatch):
    fake = FakePredictor(2.0)
    monkeypatch.setattr('zoedepth_ros.build.build_predictor', lambda *_, **__: fake)
    return fake


def entities(path):
    return {str(chunk.entity_path).strip('/') for chunk in RrdReader(path).stream()}


def pictures(folder, count=2):
    folder.mkdir(exist_ok=True)
    for number in range(count):
        write_picture(folder / f'{number}.png', np.full((48, 64, 3), 20 * number, np.uint8))
    return folder


def test_a_folder_of_pictures_is_saved(tmp_path, predictor, capsys):
    out = tmp_path / 'out' / 'view.rrd'
    assert main(['view', str(pictures(tmp_path / 'in', 3)), '--save', str(out)]) == 0
    assert {'depth', 'uncertainty', 'points', 'camera/picture', 'router/indoor'} <= entities(out)
    assert f'3 pictures with depth -> {out}' in capsys.readouterr().out
    assert predictor.calls == 3


def test_single_pictures_and_a_limit(tmp_path, predictor):
    folder = pictures(tmp_path / 'in', 3)
    names = [str(folder / f'{number}.png') for number in range(3)]
    out = str(tmp_path / 'view.rrd')
    assert main(['view', *names, '--frames', '2', '--save', out, '--head', 'outdoor']) == 0
    assert predictor.asked_heads == ['outdoor', 'outdoor']


def test_a_recording_with_depth_needs_no_model(tmp_path, monkeypatch):
    pytest.importorskip('mcap', reason='pip install mcap')
    import bags

    from zoedepth_ros.recordings.add_depth import add_depth
    from zoedepth_ros.recordings.plan import DepthOptions, make_plan

    source = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(2))
    target = tmp_path / 'out.mcap'
    add_depth(make_plan(source, target, DepthOptions()), FakePredictor(2.0))
    monkeypatch.setattr('zoedepth_ros.build.build_predictor', None)
    assert main(['view', str(target), '--save', str(tmp_path / 'view.rrd')]) == 0
    assert 'points' in entities(tmp_path / 'view.rrd')


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['nothing.png'], 'nothing.png'),
        (['/nothing/here', '--hfov', '0'], '--hfov must be degrees'),
        (['a.png', '--frames', '-1'], '--frames must be 0 or more'),
    ],
)
def test_wrong_arguments_are_named(arguments, message, predictor, capsys):
    assert main(['view', *arguments, '--save', 'never.rrd']) == 2
    assert message in capsys.readouterr().err


def test_without_rerun_its_install_line_is_given(monkeypatch, capsys):
    monkeypatch.setattr('zoedepth_ros.viewing.rerun_log.find_spec', lambda name: None)
    assert main(['view', 'a.png']) == 2
    assert 'pip install "zoedepth_ros[view]"' in capsys.readouterr().err


def test_a_topic_without_ros_is_explained(monkeypatch, capsys):
    import sys

    monkeypatch.setitem(sys.modules, 'rclpy', None)
    monkeypatch.delitem(sys.modules, 'zoedepth_ros.ros.live_pictures', raising=False)
    assert main(['view', '/camera/image_raw']) == 2
    assert 'as a topic it needs ROS 2' in capsys.readouterr().err
