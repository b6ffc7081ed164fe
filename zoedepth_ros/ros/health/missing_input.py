"""Explain by the ROS graph why an input does not arrive or is mixed, and name the remedy."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from zoedepth_ros.messages.camera import COMPRESSED
from zoedepth_ros.ros.health.incompatible_qos import mismatches

MOST_NAMES = 5
_IMAGE, _COMPRESSED_IMAGE, _CAMERA_INFO = (
    f'sensor_msgs/msg/{kind.__name__}' for kind in (Image, CompressedImage, CameraInfo)
)
_LOST = (
    'the driver publishes no images, or the images are lost on the way: start the driver '
    'with the Fast DDS profile too (docs/transport.md)'
)
_ONCE = (
    'a driver that publishes camera_info only once must publish with durability '
    'transient_local (latched)'
)


def why_no_image(node: Node, topic: str, kind: Any, profile: Any) -> str:
    """Explain why no images arrive on a topic; '' where QosWatch reports the cause.

    topic: full name.  kind: Image or CompressedImage.  profile: the subscription's QoS.
    """
    expected = _COMPRESSED_IMAGE if kind is CompressedImage else _IMAGE
    found = _publishers(node, topic)
    types = {peer.topic_type for peer in found}
    if expected in types:
        return _why_nothing_arrives(topic, found, profile, _LOST)
    if types:
        return f'{topic} has type {", ".join(sorted(types))}, expected {expected}' + _remedy(
            topic, types
        )
    sibling = topic.removesuffix(COMPRESSED) if kind is CompressedImage else topic + COMPRESSED
    other = {peer.topic_type for peer in _publishers(node, sibling)}
    if other & {_IMAGE, _COMPRESSED_IMAGE} - {expected}:
        names = ', '.join(sorted(name.rpartition('/')[2] for name in other))
        return f'{topic} has no publisher; {sibling} has messages of type {names}' + _remedy(
            sibling, other
        )
    return f'{topic} has no publisher; ' + _others(
        node, topic, {_IMAGE, _COMPRESSED_IMAGE}, 'image topics'
    )


def why_no_camera_info(node: Node, topic: str, profile: Any) -> str:
    """Explain why no camera_info arrives on a topic; topic: full name."""
    found = _publishers(node, topic)
    types = {peer.topic_type for peer in found}
    if _CAMERA_INFO in types:
        return _why_nothing_arrives(topic, found, profile, _ONCE)
    if types:
        return f'{topic} has type {", ".join(sorted(types))}, expected {_CAMERA_INFO}'
    return f'{topic} has no publisher; ' + _others(
        node, topic, {_CAMERA_INFO}, 'camera_info topics'
    )


def why_mixed(node: Node, topic: str) -> str:
    """Explain that a topic carries messages of several publishers; '' for one or none."""
    found = _publishers(node, topic)
    if len(found) < 2:
        return ''
    return (
        f'{topic} has {len(found)} publishers ({", ".join(_nodes(found))}): if the publishers '
        'are different cameras, the node mixes images of these cameras'
    )


def _publishers(node: Node, topic: str) -> list[Any]:
    """Return the publishers of a topic other than this node."""
    own = node.get_name(), node.get_namespace()
    return [
        peer
        for peer in node.get_publishers_info_by_topic(topic)
        if (peer.node_name, peer.node_namespace) != own
    ]


def _remedy(topic: str, types: Iterable[str]) -> str:
    if _IMAGE in types:
        return ': set image_transport:=raw'
    if _COMPRESSED_IMAGE not in types:
        return ''
    if topic.endswith(COMPRESSED):
        return ': set image_transport:=compressed'
    return f': set image_transport:=compressed and remap image/compressed:={topic}'


def _why_nothing_arrives(topic: str, publishers: list[Any], profile: Any, otherwise: str) -> str:
    """Explain why nothing arrives from publishers of the right type."""
    if any(mismatches(peer.qos_profile, profile) for peer in publishers):
        return ''
    return (
        f'{topic}: published by {", ".join(_nodes(publishers))}, but nothing arrives: {otherwise}'
    )


def _nodes(publishers: list[Any]) -> list[str]:
    return sorted({f'{peer.node_namespace.rstrip("/")}/{peer.node_name}' for peer in publishers})


def _others(node: Node, topic: str, types: set[str], plural: str) -> str:
    """List topics of these types: similar names, or else any."""
    names = sorted(
        name
        for name, found in node.get_topic_names_and_types()
        if types & set(found) and _publishers(node, name)
    )
    if not names:
        return (
            f'there are no {plural}: check that the driver runs with the same ROS_DOMAIN_ID as '
            'this node'
        )
    similar = get_close_matches(topic, names, n=MOST_NAMES)
    if similar:
        return f'topics with a similar name are {", ".join(similar)}'
    more = ', ...' if len(names) > MOST_NAMES else ''
    return f'{plural} are: {", ".join(names[:MOST_NAMES])}{more}'
