"""No output changes with the subscribers of another: all subsets of them, bit for bit."""

import itertools
import math

import numpy as np
import pytest
from corridor import Box, Eye, look
from fake_predictor import FakePredictor
from processor_bench import Bench
from ros_harness import camera_info_message

from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.rays import rays

STATEFUL = (
    'depth/image', 'depth/points', 'depth/points/ground', 'depth/points/obstacles',
    'depth/points/clearing', 'depth/points/cliffs', 'scan', 'domain',
)  # fmt: skip
TOPICS = (*STATEFUL, 'depth/uncertainty', 'depth/color')
TWINS = ('depth/image/compressedDepth', 'depth/color/compressed', 'depth/camera_info')


def subsets(topics):
    """Give every choice of one or more topics."""
    counts = range(1, len(topics) + 1)
    chosen = itertools.chain.from_iterable(itertools.combinations(topics, n) for n in counts)
    return [frozenset(topics) for topics in chosen]


SIZE, FOCAL_PX = (24, 32), 20.0
RAYS = rays(CameraModel(Intrinsics(FOCAL_PX, FOCAL_PX, 15.5, 11.5, 32, 24)))
FLOOR = Box(-9, 99, -90, 90, -1, 0)
HOUSE, CRATE = Box(40, 41, -90, 90, 0, 9), Box(3, 3.5, -0.5, 0.5, 0, 0.8)
NOD = (-0.26, -0.3, -0.22, -0.26, -0.28, -0.26)  # rad, of a camera without a configured pitch
GREY = np.full((*SIZE, 3), 120, np.uint8)
SEEN_M = [
    np.minimum(look(Eye(0, 0, 1.2, 0, pitch), RAYS, (FLOOR, HOUSE, *crate)), 60.0)
    for pitch, crate in zip(NOD, ((), (), (CRATE,), (CRATE,), (), (CRATE,)), strict=True)
]
INDOORS = [{'indoor': 0.9, 'outdoor': 0.1}] * len(NOD)
OUTDOORS = [{'indoor': 0.1, 'outdoor': 0.9}] * len(NOD)
CASES = {
    'outdoors': (OUTDOORS, {'scan.mode': 'height'}),
    'clouds at half the rate': (OUTDOORS, {'cloud.rate': 5.0, 'filter.temporal': True}),
    'indoors': (
        INDOORS,
        {
            'scan.mode': 'height',
            'scale.source': 'height',
            'camera.height': 0.45,
            'scale.max_rate': 1.0,
            'filter.flicker': True,
            'filter.temporal': True,
        },
    ),
    'out of a door': (
        INDOORS[:3] + OUTDOORS[:3],
        {'router.handover': 1.0, 'router.min_dwell': 0.0, 'router.smoothing': 0.0},
    ),
}


def drive(subscribed, router, parameters):
    """Give every message's content, per topic, of a camera that nods before a house."""
    at = [0]
    predictor = FakePredictor(
        lambda rgb, head: SEEN_M[at[0]] * np.float32(0.3 if head == 'indoor' else 1.0),
        router=lambda rgb: router[at[0]],
    )
    bench = Bench(predictor, subscribed, **{'scan.enabled': True, **parameters})
    bench.camera.set_info(camera_info_message(*SIZE, fx=FOCAL_PX, fy=FOCAL_PX))
    for at[0] in range(len(NOD)):
        bench.process(bench.message(GREY))
        bench.now_s += 0.1
    return {topic: [content(msg) for msg in bench.sent(topic)] for topic in subscribed}


def content(msg):
    """Give all fields of a message in a form that compares bit for bit."""
    fields = {}
    for name in msg.get_fields_and_field_types():
        value = getattr(msg, name)
        fields[name] = bytes(memoryview(value)) if hasattr(value, 'tobytes') else str(value)
    return fields


@pytest.fixture(scope='module', params=CASES)
def case(request, ros):
    router, parameters = CASES[request.param]
    topics = TOPICS if request.param == 'outdoors' else STATEFUL
    everything = drive(frozenset((*TOPICS, *TWINS)), router, parameters)
    return router, parameters, everything, subsets(topics)


def test_all_subsets_of_subscribers_get_the_same(case):
    router, parameters, everything, choices = case
    assert all(len(messages) >= 3 for messages in everything.values())
    for subset in choices:
        some = drive(subset, router, parameters)
        for topic in subset:
            assert some[topic] == everything[topic], (topic, sorted(subset))


@pytest.mark.parametrize('topic', TWINS)
def test_what_is_sent_beside_an_image_is_the_same_alone(case, topic):
    router, parameters, everything, _ = case
    assert drive(frozenset({topic}), router, parameters)[topic] == everything[topic]


def test_outdoors_what_lies_below_the_horizon_is_no_sky_whoever_subscribes(ros):
    """A camera at -15 degrees, a facade at 40 m: in the first image already."""
    for subscribed in ({'depth/image'}, {'depth/image', 'depth/points/obstacles'}):
        depth = drive(frozenset(subscribed), OUTDOORS, {})['depth/image'][0]
        sky = np.isposinf(np.frombuffer(depth['data'], np.float32).reshape(SIZE))
        up = (0.0, -math.cos(NOD[0]), math.sin(NOD[0]))
        rises = np.concatenate((RAYS, np.ones((*SIZE, 1))), axis=-1) @ up > 0.0
        np.testing.assert_array_equal(sky, rises & (SEEN_M[0] >= 25.0))
        assert 0 < sky.sum() < (SEEN_M[0] >= 25.0).sum()
