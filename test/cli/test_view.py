import numpy as np
import pytest
from fake_predictor import FakePredictor

pytest.importorskip('rerun.chunk', reason='pip install rerun-sdk')

from rerun.chunk import RrdReader

from zoedepth_ros.cli.main import main
from zoedepth_ros.media.files import write_image


@pytest.fixture
def predictor(use):
    return use(FakePredictor(2.0))


def entities(path):
    return {str(chunk.entity_path).strip('/') for chunk in RrdReader(path).stream()}


def values_of(path, entity, ending):
    """Yield the values of the columns of an entity whose names end so."""
    for chunk in RrdReader(path).stream():
        if str(chunk.entity_path).strip('/') == entity:
            batch = chunk.to_record_batch()
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                if name.endswith(ending):
                    yield from column.to_pylist()


def shown_depth_m(path):
    """Give the depth of the only image of a Rerun recording, (H * W,)."""
    buffers = next(values_of(path, 'depth', 'buffer'))
    return np.array(buffers[0], np.uint8).view(np.float32)


def images(folder, count=2):
    folder.mkdir(exist_ok=True)
    for number in range(count):
        write_image(folder / f'{number}.png', np.full((48, 64, 3), 20 * number, np.uint8))
    return folder


def test_a_folder_of_images_is_saved(tmp_path, predictor, capsys):
    out = tmp_path / 'out' / 'view.rrd'
    assert main(['view', str(images(tmp_path / 'in', 3)), '--save', str(out)]) == 0
    assert {'depth', 'uncertainty', 'points', 'camera/image', 'router/indoor'} <= entities(out)
    assert f'3 images with depth -> {out}' in capsys.readouterr().out
    assert predictor.calls == 3


def test_single_images_and_a_limit(tmp_path, predictor):
    folder = images(tmp_path / 'in', 3)
    names = [str(folder / f'{number}.png') for number in range(3)]
    out = str(tmp_path / 'view.rrd')
    assert main(['view', *names, '--frames', '2', '--save', out, '--head', 'outdoor']) == 0
    assert predictor.requested_heads == ['outdoor', 'outdoor']


def test_a_recording_gets_the_metres_of_a_network_of_others_from_bag_and_view(tmp_path):
    pytest.importorskip('onnxruntime')
    import bags
    from foreign_network import contract, image, write_network

    made = contract(
        depth__kind='canonical',
        depth__along='ray',
        depth__focal={'canonical': 30, 'pixels': 'network', 'axis': 'mean'},
    )
    weights = ['--weights', str(write_network(tmp_path / 'net.onnx', made))]
    messages = [bags.camera_info(10**18), bags.image(image(), 10**18)]
    source = str(bags.write_mcap(tmp_path / 'in.mcap', messages))
    # 200, 100 and 50 of 255; 50 px of focal length, half of that in the input of the network
    v, u = np.mgrid[:48, :64]
    cosine = 1.0 / np.sqrt(1.0 + ((u - 31.5) / 50) ** 2 + ((v - 23.5) / 50) ** 2)
    expected_m = ((200 + 2 * 100 + 4 * 50) / 255 + 1.0) * 25 / 30 * cosine
    assert main(['bag', source, str(tmp_path / 'out.mcap'), *weights]) == 0
    (depth,) = bags.messages_of(tmp_path / 'out.mcap', '/depth/image')
    depth_m = depth.data.view('<f4').reshape(48, 64)
    np.testing.assert_allclose(depth_m, expected_m, rtol=2e-5)
    assert main(['view', source, '--save', str(tmp_path / 'a.rrd'), *weights]) == 0
    np.testing.assert_array_equal(shown_depth_m(tmp_path / 'a.rrd').reshape(48, 64), depth_m)


def test_a_recording_with_depth_needs_no_model(tmp_path, monkeypatch):
    import bags

    from zoedepth_ros.bags.add_depth import add_depth
    from zoedepth_ros.bags.plan import DepthOptions, Job, make_plan

    source = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(2))
    target = tmp_path / 'out.mcap'
    add_depth(make_plan(Job(source, target, DepthOptions())), FakePredictor(2.0))
    monkeypatch.setattr('zoedepth_ros.build.build_predictor', None)
    assert main(['view', str(target), '--save', str(tmp_path / 'view.rrd')]) == 0
    assert 'points' in entities(tmp_path / 'view.rrd')


def test_without_rerun_its_install_line_is_given(monkeypatch, capsys):
    monkeypatch.setattr('zoedepth_ros.viewing.rerun_log.find_spec', lambda name: None)
    assert main(['view', 'a.png']) == 2
    assert 'pip install "zoedepth_ros[view]"' in capsys.readouterr().err


def test_a_topic_without_ros_is_explained(monkeypatch, capsys):
    import sys

    monkeypatch.setenv('DISPLAY', ':0')
    monkeypatch.setitem(sys.modules, 'rclpy', None)
    monkeypatch.delitem(sys.modules, 'zoedepth_ros.viewing.live_images', raising=False)
    assert main(['view', '/camera/image_raw']) == 2
    assert 'and a topic needs ROS 2' in capsys.readouterr().err


def test_without_a_screen_the_other_way_is_named_before_any_work(
    tmp_path, predictor, monkeypatch, capsys
):
    for name in ('DISPLAY', 'WAYLAND_DISPLAY', 'WAYLAND_SOCKET'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr('sys.platform', 'linux')
    assert main(['view', str(images(tmp_path / 'in'))]) == 2
    message = capsys.readouterr().err
    assert '--save FILE.rrd' in message
    assert predictor.calls == 0


def test_a_viewer_that_is_closed_early_is_one_line(tmp_path, predictor, monkeypatch, capsys):
    def gone(self, **_):
        raise RuntimeError('connection severed')

    monkeypatch.setattr('rerun.RecordingStream.flush', gone)
    out = str(tmp_path / 'view.rrd')
    assert main(['view', str(images(tmp_path / 'in')), '--save', out]) == 2
    assert 'the viewer was closed: connection severed' in capsys.readouterr().err


def shown_points(path):
    return max(map(len, values_of(path, 'points', 'positions')))


def test_large_clouds_are_decimated_further_unless_a_decimation_is_given(tmp_path, predictor):
    path, out = tmp_path / 'large.png', tmp_path / 'view.rrd'
    write_image(path, np.full((1200, 1760, 3), 90, np.uint8))
    view = ['view', str(path), '--save', str(out), '--no-filter-edge']
    assert main(view) == 0
    assert shown_points(out) <= 100_000
    assert main([*view, '--cloud-decimation', '4']) == 0
    assert shown_points(out) == 300 * 440
