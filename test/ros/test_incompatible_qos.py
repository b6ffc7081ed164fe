"""Which quality of service fits which, and middlewares that cannot report it."""

from types import SimpleNamespace

import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from zoedepth_ros.ros.health import incompatible_qos
from zoedepth_ros.ros.health.incompatible_qos import QosWatch, mismatches

RELIABLE, BEST_EFFORT = ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT
VOLATILE, LASTING = DurabilityPolicy.VOLATILE, DurabilityPolicy.TRANSIENT_LOCAL


def profile(reliability=RELIABLE, durability=VOLATILE):
    return QoSProfile(depth=1, reliability=reliability, durability=durability)


@pytest.mark.parametrize(
    ('offered', 'requested', 'policies'),
    [
        # the tables of "Quality of Service settings" in the documentation of ROS 2
        (profile(BEST_EFFORT), profile(BEST_EFFORT), []),
        (profile(BEST_EFFORT), profile(RELIABLE), ['reliability']),
        (profile(RELIABLE), profile(BEST_EFFORT), []),
        (profile(RELIABLE), profile(RELIABLE), []),
        (profile(durability=VOLATILE), profile(durability=VOLATILE), []),
        (profile(durability=VOLATILE), profile(durability=LASTING), ['durability']),
        (profile(durability=LASTING), profile(durability=VOLATILE), []),
        (profile(BEST_EFFORT), profile(RELIABLE, LASTING), ['reliability', 'durability']),
    ],
)
def test_what_is_offered_must_be_as_much_as_is_requested(offered, requested, policies):
    assert [policy for policy, _, _ in mismatches(offered, requested)] == policies


def test_a_middleware_without_such_events_is_no_obstacle():
    node = SimpleNamespace(resolve_topic_name=lambda topic: f'/{topic}')
    watch, asked = QosWatch(node, print), []

    def make(kind, topic, **options):
        asked.append(sorted(options))
        if 'event_callbacks' in options:
            raise incompatible_qos.UnsupportedEventTypeError('no such events')
        return SimpleNamespace(qos_profile=profile())

    made = watch.create(make, object, 'image', is_input=True, qos_profile=profile())
    assert made.qos_profile.depth == 1
    assert asked == [['event_callbacks', 'qos_profile'], ['qos_profile']]
    assert watch.problems() == ()
