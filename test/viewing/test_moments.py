from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_predictor import FakePredictor
from videos import write_avi

from zoedepth_ros.media.files import ImageFileError, write_image
from zoedepth_ros.viewing.moments import image_frames, recording_frames, video_frames


def test_images_come_in_order(tmp_path):
    for name, red in (('a.png', 10), ('b.png', 20)):
        write_image(tmp_path / name, np.full((8, 8, 3), (0, 0, red), np.uint8))
    frames = list(image_frames([tmp_path / 'a.png', tmp_path / 'b.png']))
    assert [(f.name, f.time_s, f.rgb[0, 0].tolist()) for f in frames] == [
        (str(tmp_path / 'a.png'), 0.0, [10, 0, 0]),
        (str(tmp_path / 'b.png'), 1.0, [20, 0, 0]),
    ]


def test_images_of_one_name_in_two_folders_are_not_one_sequence(tmp_path):
    paths = [tmp_path / folder / 'x.png' for folder in ('one', 'two')]
    for path in paths:
        path.parent.mkdir()
        write_image(path, np.zeros((8, 8, 3), np.uint8))
    first, second = image_frames(paths)
    assert first.name != second.name


def test_a_broken_image_is_named(tmp_path):
    (tmp_path / 'a.png').write_bytes(b'no')
    with pytest.raises(ImageFileError, match=r'a\.png'):
        list(image_frames([tmp_path / 'a.png']))


@pytest.fixture
def video(tmp_path):
    return write_avi(tmp_path / 'video.avi', 10, fps=20.0)


def test_a_video_is_shown_image_by_image_at_its_own_times(video):
    frames = list(video_frames(video))
    assert [f.time_s for f in frames] == pytest.approx([n / 20 for n in range(10)])
    assert [round(float(f.rgb.mean()) / 20) for f in frames] == list(range(10))


def test_the_rate_thins_a_video_out(video):
    times_s = [f.time_s for f in video_frames(video, rate_hz=5.0)]
    assert times_s == pytest.approx([0.0, 0.2, 0.4])


def test_what_is_no_video_is_called_so(tmp_path):
    (tmp_path / 'text.mp4').write_text('no video')
    with pytest.raises(ValueError, match=r'text\.mp4: expected an image'):
        list(video_frames(tmp_path / 'text.mp4'))


@pytest.fixture
def bags():
    import bags

    return bags


def with_depth(bags, source, predictor=None, **options):
    """Add depth to a recording; return the new one and the report."""
    from zoedepth_ros.bags.add_depth import add_depth
    from zoedepth_ros.bags.plan import Job, make_plan

    target = source.with_name('out.mcap')
    plan = make_plan(Job(source, target, bags.options(**options)))
    return target, add_depth(plan, predictor or FakePredictor(2.0))


def test_a_recording_gives_images_with_their_camera(tmp_path, bags):
    path = bags.write_bag(tmp_path / 'in', bags.drive(2), 'sqlite3')
    frames = list(recording_frames(path))
    assert [f.rgb[0, 0, 0] for f in frames] == [0, 10]
    assert [f.time_s for f in frames] == pytest.approx([1e9, 1e9 + 0.1])
    assert frames[0].camera.intrinsics.fx_px == 50.0
    assert frames[0].depth_m is None


def test_an_image_whose_stamp_is_not_later_is_left_out_as_in_the_node(tmp_path, bags):
    second_ns, notes = 10**9, []
    offsets_ns = [0, second_ns // 10, second_ns // 10, -second_ns // 2, second_ns, -3 * second_ns]
    messages = []
    for number, offset_ns in enumerate(offsets_ns):
        written = bags.image(bags.rgb_image(number), 10**18 + offset_ns)
        messages.append(replace(written, time_ns=10**18 + number * 10**8))
    source = bags.write_mcap(tmp_path / 'in.mcap', messages)
    frames = list(recording_frames(source, note=notes.append))
    assert [f.rgb[0, 0, 0] for f in frames] == [0, 10, 40, 50]
    assert sum('is not later than' in note for note in notes) == 2
    target, report = with_depth(bags, source)
    assert report.skipped == {'out of order': 2}
    depth = bags.messages_of(target, '/depth/image')
    of_images = bags.messages_of(source, bags.IMAGE)
    assert [m.header.stamp for m in depth] == [of_images[n].header.stamp for n in (0, 1, 4, 5)]


def test_a_single_camera_info_is_that_of_images_before_it(tmp_path, bags):
    messages = [bags.image(bags.rgb_image(n), 10**18 + n * 10**8) for n in range(5)]
    messages.insert(3, bags.camera_info(10**18 + 25 * 10**7))
    frames = list(recording_frames(bags.write_mcap(tmp_path / 'in.mcap', messages)))
    assert [f.camera.intrinsics.fx_px for f in frames] == [50.0] * 5


def test_recorded_heads_are_not_shown_beside_depth_that_is_predicted(tmp_path, bags):
    source = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(2))
    target, _ = with_depth(bags, source, domain=True)
    assert {f.name for f in recording_frames(target)} == {'/depth/image', '/domain'}
    assert {f.name for f in recording_frames(target, depth_topic='')} == {bags.IMAGE}


@pytest.mark.parametrize('encoding', ['32FC1', '16UC1'])
def test_recorded_depth_comes_with_its_image(tmp_path, bags, encoding):
    source = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(3))
    predictor = FakePredictor(lambda rgb, head: np.full((48, 64), 1 + rgb[0, 0, 0] / 10))
    target, _ = with_depth(bags, source, predictor, depth_encoding=encoding, uncertainty=True)
    frames = list(recording_frames(target))
    found = [(f.rgb[0, 0, 0], f.depth_m[5, 5]) for f in frames if f.depth_m is not None]
    assert found == [(0, 1), (10, 2), (20, 3)]
    assert sum(f.uncertainty_m is not None for f in frames) == 3
    anew = list(recording_frames(target, image=bags.IMAGE, depth_topic=''))
    assert [f.depth_m for f in anew] == [None] * 3


@pytest.mark.parametrize('follows_image', [False, True])
def test_the_networks_width_is_recorded_unless_it_depends_on_the_image(
    tmp_path, bags, monkeypatch, follows_image
):
    predictor = FakePredictor(2.0, network=(48, 128))
    if follows_image:
        monkeypatch.setattr(predictor, 'network_size', lambda height, width: (height, width))
    target, _ = with_depth(bags, bags.write_mcap(tmp_path / 'in.mcap', bags.drive(1)), predictor)
    (width,) = {f.network_width for f in recording_frames(target) if f.about}
    assert width == (0 if follows_image else 128)


def test_depth_that_comes_late_finds_its_own_image(tmp_path, bags):
    times = [10**18, 10**18 + 10**8]
    messages = [bags.image(bags.rgb_image(n), t) for n, t in enumerate(times)]
    for number, time_ns in enumerate(times):
        depth = bags.depth(np.full(bags.SIZE, 1.0 + number, np.float32), time_ns, '/depth/image')
        messages.append(replace(depth, time_ns=time_ns + 3 * 10**8))
    frames = list(recording_frames(bags.write_mcap(tmp_path / 'in.mcap', messages)))
    assert [(f.rgb[0, 0, 0], f.depth_m[0, 0]) for f in frames] == [(0, 1.0), (10, 2.0)]


def test_the_nodes_own_recording_shows_what_the_router_thought(tmp_path, bags):
    from rosbags.typesys import get_types_from_msg

    text = (Path(__file__).parents[2] / 'msg' / 'Domain.msg').read_text()
    name = 'zoedepth_ros/msg/Domain'
    if name not in bags.STORE.types:
        bags.STORE.register(get_types_from_msg(text, name))
    stamp = bags.header(0).stamp
    domain = bags.STORE.types[name](bags.header(10**18), 'indoor', 0.75, 0.25, False, stamp)
    depth = bags.depth(np.full(bags.SIZE, 3.0, np.float32), 10**18, '/depth/image')
    messages = [*bags.drive(1), depth, bags.serialized('/domain', 10**18 + 9, domain)]
    frames = list(recording_frames(bags.write_mcap(tmp_path / 'in.mcap', messages)))
    assert Counter(f.head for f in frames) == {'': 1, 'indoor': 1}
    assert {'indoor': 0.75, 'outdoor': 0.25} in [f.router_probabilities for f in frames]
    # The ground truth of a simulation is no router output.
    ground_truth = bags.STORE.types[name](bags.header(10**18), 'outdoor', 0.0, 1.0, True, stamp)
    messages.append(bags.serialized('/ground_truth/domain', 10**18 + 9, ground_truth))
    frames = list(recording_frames(bags.write_mcap(tmp_path / 'truth.mcap', messages)))
    assert {f.head for f in frames} == {'', 'indoor'}


def test_true_depth_beside_recorded_depth_is_not_taken_for_the_images(tmp_path, bags):
    messages = bags.drive(2)
    for topic in ('/ground_truth/depth', '/depth/image'):
        depth = bags.depth(np.full(bags.SIZE, 3.0, np.float32), 10**18, topic)
        messages.append(replace(depth, time_ns=10**18 + 10**8))
    path = bags.write_mcap(tmp_path / 'in.mcap', messages)
    (frame,) = recording_frames(path)
    assert (frame.name, frame.depth_m[0, 0], frame.rgb.shape) == ('/depth/image', 3.0, (48, 64, 3))
    assert frame.rgb[0, 0, 0] == 0  # the first image of the drive
    assert next(recording_frames(path, depth_topic='')).rgb[0, 0, 0] == 0
    messages.append(bags.image(bags.rgb_image(0), 10**18, '/rear/image'))
    path = bags.write_mcap(tmp_path / 'two.mcap', messages)
    with pytest.raises(ValueError, match='choose one with --image'):
        list(recording_frames(path, depth_topic=''))


def test_depth_without_images_is_shown_with_its_own_camera(tmp_path, bags):
    messages = []
    for number in range(2):
        at_ns = 10**18 + number * 10**8
        messages.append(bags.camera_info(at_ns, topic='/depth/camera_info'))
        messages.append(bags.depth(np.full(bags.SIZE, 2, np.float32), at_ns, '/depth/image'))
        messages.append(bags.depth(np.full(bags.SIZE, 9, np.float32), at_ns, '/range/image'))
    frames = list(recording_frames(bags.write_mcap(tmp_path / 'in.mcap', messages)))
    assert [f.depth_m[0, 0] for f in frames] == [2.0, 2.0]
    assert all(f.rgb is None and f.camera.intrinsics.fx_px == 50.0 for f in frames)


def test_what_of_a_damaged_recording_is_not_shown_is_reported(tmp_path, bags):
    path = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(2))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match='the end of the file is missing'):
        list(recording_frames(path))
    notes = []
    assert len(list(recording_frames(path, recover=True, note=notes.append))) == 2
    assert any('the end of the file is missing' in note for note in notes)


def test_recorded_depth_reports_once_what_made_it(tmp_path, bags):
    predictor = FakePredictor(2.0)
    predictor.weights_warning = 'a fake: not depth'
    target, _ = with_depth(bags, bags.write_mcap(tmp_path / 'in.mcap', bags.drive(2)), predictor)
    first, second = recording_frames(target)
    assert f'**Model** {predictor.model_name}' in first.about
    assert '# A FAKE: NOT DEPTH' in first.about
    assert second.about == ''
