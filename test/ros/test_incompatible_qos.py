"""Which QoS profiles are compatible, and how incompatible ones are reported."""

from types import SimpleNamespace

import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

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


def test_a_peer_is_named_while_it_is_there_and_logged_once_after_two_looks():
    peer = SimpleNamespace(
        node_name='rviz', node_namespace='/', qos_profile=profile(durability=LASTING)
    )
    peers, logged = [peer], []
    node = SimpleNamespace(
        get_subscriptions_info_by_topic=lambda topic: peers,
        get_publishers_info_by_topic=lambda topic: [],
    )
    own = [SimpleNamespace(topic_name='/depth/points', qos_profile=profile())]
    watch = QosWatch(node, logged.append)
    found = watch.problems(own, ())
    assert len(found) == 1
    assert '/depth/points' in found[0]
    assert '/rviz' in found[0]
    assert logged == []
    for _ in range(2):
        assert watch.problems(own, ()) == found
    assert logged == list(found)
    peers.clear()
    assert watch.problems(own, ()) == ()
