"""The SROS2 policy allows what the node does, and nothing else."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from ros_harness import wait_until
from sensor_msgs.msg import Image

POLICY = Path(__file__).resolve().parents[2] / 'config' / 'security_policy.xml'
# with image_transport compressed, and with use_sim_time
ON_REQUEST = {'/image/compressed', '/clock'}
# where Nav2's bond is installed
WITH_NAV2 = {'/bond'}
# where tf2_msgs is installed
WITH_TF = {'/tf', '/tf_static'}
# since Jazzy
NEWER = {'/zoedepth/get_type_description'}


def allowed(kind, attribute):
    (profile,) = ElementTree.parse(POLICY).iter('profile')
    assert (profile.get('ns'), profile.get('node')) == ('/', 'zoedepth')
    groups = [g for g in profile.iter(kind + 's') if g.get(attribute) == 'ALLOW']
    return {entry.text for group in groups for entry in group.iter(kind)}


def test_the_policy_lists_exactly_the_topics_and_services_of_a_running_node(peer, start):
    # A name of its own: of a node that has died the graph may keep the name, without its topics.
    start(remap={'__node': 'guarded'}).wait_for_log('active')
    peer.subscribe(Image, '/depth/image')  # without any, it does not subscribe to its camera
    node = peer.node
    wait_until(lambda: ('guarded', '/') in node.get_node_names_and_namespaces())

    def names(function):
        return {name.replace('/guarded/', '/zoedepth/') for name, _ in function('guarded', '/')}

    def published():
        return names(node.get_publisher_names_and_types_by_node) | WITH_NAV2 | WITH_TF

    def subscribed():
        return names(node.get_subscriber_names_and_types_by_node) | ON_REQUEST

    def services():
        return names(node.get_service_names_and_types_by_node) | NEWER

    # The graph grows one by one: until it is as it should be.
    for found, expected in (
        (published, allowed('topic', 'publish')),
        (subscribed, allowed('topic', 'subscribe')),
        (services, allowed('service', 'reply')),
    ):
        wait_until(
            lambda found=found, expected=expected: found() == expected,
            lambda found=found, expected=expected: f'not in both: {found() ^ expected}',
        )
