"""One sequence through the node, `bag`, `view`, and `predict`: equal settings, equal numbers.

The sequence has a head switch, sky, flying pixels, an uncertain region and a floor.
"""

from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest
from fake_predictor import FakePredictor

pytest.importorskip('rclpy')

import bags
from processor_bench import ALL, Bench
from ros_harness import camera_info_message

from zoedepth_ros.bags.add_depth import add_depth
from zoedepth_ros.bags.plan import OPTIONAL, DepthOptions, Job, make_plan
from zoedepth_ros.cli.main import main
from zoedepth_ros.media.files import write_image
from zoedepth_ros.pipeline.settings import settings_from
from zoedepth_ros.viewing.frame import adder
from zoedepth_ros.viewing.moments import recording_frames

SIZE = HEIGHT, WIDTH = 48, 64
FOCAL_PX = 50.0
IMAGES = 14
SETTINGS = {
    'depth.max': 55.0,
    'depth.min': 1.2,
    'depth.rate': 0.0,
    'cloud.rate': 0.0,
    'cloud.decimation': 2,
    'router.rate': 5.0,
    'filter.max_uncertainty': 0.5,
    'filter.temporal': True,
    'filter.flicker': True,
    'router.handover': 1.0,
    'scale.source': 'height',
    'camera.height': 1.1,
    'scan.enabled': True,
    'scan.mode': 'height',
}
SEGMENTS = ('ground', 'obstacles', 'clearing', 'cliffs')


def time_ns(number: int) -> int:
    return 10**12 + number * 10**8


def image(number: int) -> np.ndarray:
    """Return an image that has its number in its red values; from 6 on it is outdoors."""
    rgb = np.full((*SIZE, 3), 90, np.uint8)
    rgb[..., 0] = 10 * number
    rgb[HEIGHT // 2 :, ::2, 1] = 60  # some texture below the horizon
    return rgb


def depth(rgb: np.ndarray, head: str) -> np.ndarray:
    """Return a floor 1 m below with a step down, a wall with a box before it, or the sky."""
    number = int(rgb[0, 0, 0]) // 10
    wall_m = 6.0 if head == 'indoor' else 30.0
    rows = np.arange(HEIGHT, dtype=np.float32)[:, None] - (HEIGHT - 1) / 2
    floor_m = np.where(rows > 0, FOCAL_PX / np.maximum(rows, 1e-3), np.inf)
    floor_m = np.where((rows < 19) & (np.arange(WIDTH) > 40), 1.5 * floor_m, floor_m)
    depth_m = np.minimum(floor_m, wall_m).astype(np.float32) * np.ones((1, WIDTH), np.float32)
    left = 20 + number % 3
    depth_m[18:30, left : left + 12] = 3.0
    depth_m[18:30, left + 12] = 4.4  # between the box and the wall
    if head == 'outdoor':
        depth_m[:14] = 70.0
    return depth_m * np.float32(1.0 + 0.02 * (number % 2))  # flicker


class Predictor(FakePredictor):
    """Give the scene above, with a region of uncertain depth."""

    def __init__(self) -> None:
        def router(rgb):
            outdoor = 0.95 if rgb[0, 0, 0] >= 60 else 0.05
            return {'indoor': 1.0 - outdoor, 'outdoor': outdoor}

        super().__init__(depth, router=router, training_hfov_rad=1.0)

    def _predict(self, rgb, head, route):
        result = super()._predict(rgb, head, route)
        uncertainty_m = result.uncertainty_m.copy()
        uncertainty_m[30:36, 5:15] = 2.0
        return replace(result, uncertainty_m=uncertainty_m)


def recording(path):
    messages = []
    for number in range(IMAGES):
        at_ns = time_ns(number)
        messages.append(bags.camera_info(at_ns, focal_px=FOCAL_PX, size=SIZE))
        messages.append(bags.image(image(number), at_ns))
    return bags.write_mcap(path, messages)


def through_the_node(numbers=range(IMAGES), topics=ALL, **values) -> dict[str, list]:
    """Return topic -> messages."""
    parts = frozenset(f'depth/points/{name}' for name in SEGMENTS)
    bench = Bench(Predictor(), subscribed=frozenset(topics) | parts, **{**SETTINGS, **values})
    bench.camera.set_info(camera_info_message(*SIZE, FOCAL_PX, FOCAL_PX))
    for number in numbers:
        bench.now_s = (time_ns(number) + 5) * 1e-9  # when it is recorded
        bench.process(bench.message(image(number), stamp_s=time_ns(number) * 1e-9))
    return bench.publishers.sent


def floats(msg) -> np.ndarray:
    return np.frombuffer(bytes(msg.data), np.float32)


def finite_rows(points: np.ndarray) -> np.ndarray:
    return points[np.isfinite(points).all(axis=1)]


@pytest.fixture(scope='module')
def of_node():
    sent = through_the_node()
    assert len({message.head for message in sent['domain']}) == 2
    first, last = floats(sent['depth/image'][0]), floats(sent['depth/image'][-1])
    assert np.isnan(first).any(), 'an uncertain region'
    assert np.isposinf(last.reshape(SIZE)[0]).all(), 'sky'
    return sent


def test_a_recording_has_the_messages_of_the_node(tmp_path, of_node):
    source = recording(tmp_path / 'in.mcap')
    options = DepthOptions(settings=settings_from(SETTINGS), added=frozenset(OPTIONAL.values()))
    add_depth(make_plan(Job(source, tmp_path / 'out.mcap', options)), Predictor())
    recorded = {
        topic: bags.messages_of(tmp_path / 'out.mcap', f'/{topic}')
        for topic in ('depth/image', 'depth/points', 'depth/uncertainty', 'scan')
    }
    for name in SEGMENTS:
        topic = f'depth/points/{name}'
        recorded[topic] = bags.messages_of(tmp_path / 'out.mcap', f'/{topic}')
    for topic, messages in recorded.items():
        sent = of_node[topic]
        assert len(messages) == len(sent) == IMAGES, topic
        for ours, theirs in zip(messages, sent, strict=True):
            assert ours.header.frame_id == theirs.header.frame_id
            if topic == 'scan':
                np.testing.assert_array_equal(ours.ranges, np.float32(theirs.ranges))
                assert ours.angle_min == np.float32(theirs.angle_min)
                continue
            assert bytes(ours.data) == bytes(theirs.data), topic
            assert (ours.height, ours.width) == (theirs.height, theirs.width)


def test_the_router_output_is_recorded_when_the_node_publishes_it(tmp_path, of_node):
    from zoedepth_ros.bags.cdr import DOMAIN, decode

    source = recording(tmp_path / 'in.mcap')
    options = DepthOptions(settings=settings_from(SETTINGS), added=frozenset({OPTIONAL['domain']}))
    add_depth(make_plan(Job(source, tmp_path / 'out.mcap', options)), Predictor())
    domains = [
        decode(m.data, DOMAIN)
        for m in bags.read_mcap(tmp_path / 'out.mcap')
        if m.topic == '/domain'
    ]
    assert len(domains) < IMAGES  # router.rate
    fields = ('head', 'forced')
    assert [[getattr(m, f) for f in fields] for m in domains] == [
        [getattr(m, f) for f in fields] for m in of_node['domain']
    ]
    for ours, theirs in zip(domains, of_node['domain'], strict=True):
        assert ours.header.stamp.nanosec == theirs.header.stamp.nanosec
        assert ours.last_switch.sec == theirs.last_switch.sec


def test_the_viewer_shows_the_depth_and_the_points_of_the_node(tmp_path):
    # Routes on every image that is due, as a subscriber of `domain` makes the node do.
    sent = through_the_node(**{'scan.enabled': False})
    settings = settings_from({**SETTINGS, 'scan.enabled': False})
    add = adder(Predictor(), settings)
    frames = list(recording_frames(recording(tmp_path / 'in.mcap')))
    assert len(frames) == IMAGES
    for number, frame in enumerate(frames):
        shown = add(frame)
        depth_m = floats(sent['depth/image'][number]).reshape(SIZE)
        np.testing.assert_array_equal(shown.depth_m, depth_m)
        expected = floats(sent['depth/points'][number]).reshape(-1, 4)
        assert shown.points.reshape(-1, 4).tobytes() == expected.tobytes()
        sigma_m = floats(sent['depth/uncertainty'][number]).reshape(SIZE)
        np.testing.assert_array_equal(shown.uncertainty_m, sigma_m)


ALONE = {
    **{name: value for name, value in SETTINGS.items() if not name.startswith('scan')},
    'scan.enabled': False,
}
OPTIONS = [
    *('--depth-max', '55', '--depth-min', '1.2', '--cloud-decimation', '2'),
    *('--filter-max-uncertainty', '0.5', '--router-handover', '1', '--scale-source', 'height'),
    *('--camera-height', '1.1', '--router-rate', '5', '--filter-temporal', '--filter-flicker'),
]


def calibration(folder):
    numbers = f'[{FOCAL_PX}, 0, {(WIDTH - 1) / 2}, 0, {FOCAL_PX}, {(HEIGHT - 1) / 2}, 0, 0, 1]'
    text = f"""
image_width: {WIDTH}
image_height: {HEIGHT}
distortion_model: plumb_bob
camera_matrix: {{rows: 3, cols: 3, data: {numbers}}}
distortion_coefficients: {{rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}}
"""
    (folder / 'camera.yaml').write_text(text)
    return ['--calibration', str(folder / 'camera.yaml')]


@pytest.fixture
def predictor(monkeypatch):
    monkeypatch.setattr('zoedepth_ros.build.build_predictor', lambda *_, **__: Predictor())


@pytest.mark.parametrize('number', [0, IMAGES - 1])
def test_predict_writes_the_depth_and_the_points_of_the_node(tmp_path, predictor, number):
    sent = through_the_node([number], **ALONE)
    write_image(tmp_path / 'a.png', image(number)[..., ::-1])
    arguments = ['predict', str(tmp_path / 'a.png'), '--out', str(tmp_path / 'out'), *OPTIONS]
    assert main([*arguments, *calibration(tmp_path)]) == 0
    depth_m = floats(sent['depth/image'][0]).reshape(SIZE)
    np.testing.assert_array_equal(np.load(tmp_path / 'out' / 'a_depth.npy'), depth_m)
    points = finite_rows(floats(sent['depth/points'][0]).reshape(-1, 4)[:, :3])
    body = (tmp_path / 'out' / 'a.ply').read_bytes().split(b'end_header\n', 1)[1]
    kind = np.dtype([('xyz', '<f4', 3), ('rgb', 'u1', 3)])
    np.testing.assert_array_equal(np.frombuffer(body, kind)['xyz'], points)


def test_predict_takes_the_parameter_file_of_the_node(tmp_path, predictor):
    sent = through_the_node([IMAGES - 1], **ALONE)
    lines = [
        f'    {name}: {str(value).lower() if isinstance(value, bool) else value}'
        for name, value in ALONE.items()
    ]
    path = tmp_path / 'node.yaml'
    head = ['/**:', '  ros__parameters:', '    model: ZoeD_S_NK']  # the last is the node's alone
    path.write_text('\n'.join([*head, *lines]) + '\n')
    write_image(tmp_path / 'a.png', image(IMAGES - 1)[..., ::-1])
    out = tmp_path / 'out'
    arguments = ['predict', str(tmp_path / 'a.png'), '--out', str(out), '--params-file', str(path)]
    assert main([*arguments, *calibration(tmp_path)]) == 0
    depth_m = floats(sent['depth/image'][0]).reshape(SIZE)
    np.testing.assert_array_equal(np.load(out / 'a_depth.npy'), depth_m)
    path.write_text('\n'.join([*head, '    depth.maximum: 3.0']) + '\n')
    assert main([*arguments, *calibration(tmp_path)]) == 2


def test_predict_of_a_video_writes_the_depth_of_the_node(tmp_path, predictor):
    """In whole millimetres; the video has the frames' times, counted from its first one."""
    path = tmp_path / 'a.avi'
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'FFV1'), 10.0, (WIDTH, HEIGHT))
    if not video.isOpened():
        pytest.skip('OpenCV writes no lossless video here')
    for number in range(IMAGES):
        video.write(np.ascontiguousarray(image(number)[..., ::-1]))
    video.release()
    read, frames = cv2.VideoCapture(str(path)), []
    while True:
        is_read, bgr = read.read()
        if not is_read:
            break
        frames.append(bgr[..., ::-1])
    if [int(f[0, 0, 0]) for f in frames] != [10 * n for n in range(IMAGES)]:
        pytest.skip('the codec is not lossless')
    sent = through_the_node(**ALONE, **{'depth.encoding': '16UC1'})
    out = tmp_path / 'out'
    arguments = ['predict', str(path), '--out', str(out)]
    options = [o for o in OPTIONS if o not in ('--cloud-decimation', '2')]
    assert main([*arguments, *options, *calibration(tmp_path)]) == 0
    for number, msg in enumerate(sent['depth/image']):
        mm = cv2.imread(str(out / 'a_depth' / f'{number:06d}.png'), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(mm, np.frombuffer(bytes(msg.data), np.uint16).reshape(SIZE))


def test_the_sequence_has_what_it_is_meant_to_have(of_node):
    """Without this the comparisons above would prove little."""
    z_m = [floats(m).reshape(-1, 4)[:, 2] for m in of_node['depth/points']]
    counts = Counter(int(np.isfinite(z).sum()) for z in z_m)
    assert len(counts) > 2, 'filters change the number of points'
    plain = through_the_node(**{'filter.edge': False})['depth/points']
    assert (
        np.isfinite(floats(plain[3])).sum() > np.isfinite(floats(of_node['depth/points'][3])).sum()
    )
    for name in SEGMENTS:
        assert of_node[f'depth/points/{name}'][3].width > 0, name
