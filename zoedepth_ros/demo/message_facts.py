"""What a report says about messages, as plain values."""

from __future__ import annotations

from typing import Any

from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from zoedepth_ros.msg import Status
from zoedepth_ros.ros.status import STATE_NAMES


def facts_of(msg: Any) -> dict[str, Any]:
    """Give what a report says about the form of a message: encoding, size, frame_id."""
    facts: dict[str, Any] = {}
    if isinstance(msg, Image):
        facts['encoding'] = msg.encoding
    elif isinstance(msg, CompressedImage):
        facts['encoding'] = msg.format
    elif isinstance(msg, PointCloud2):
        facts['encoding'] = ', '.join(f'{field.name}@{field.offset}' for field in msg.fields)
        facts['is_dense'] = bool(msg.is_dense)
    if isinstance(msg, (Image, CameraInfo, PointCloud2)):
        facts['width'], facts['height'] = msg.width, msg.height
    facts['frame_id'] = msg.header.frame_id
    return facts


def facts_of_status(status: Status) -> dict[str, Any]:
    """Give a status message as plain values."""
    return {
        'state': STATE_NAMES[status.state],
        'model': status.model,
        'weights': status.weights,
        'weights_warning': status.weights_warning,
        'device': status.device,
        'precision': status.precision,
        'network_size': [status.network_height, status.network_width],
        'head': status.head,
        'received': status.received,
        'published': status.published,
        'drops': {drop.reason: drop.count for drop in status.drops},
        'stages_s': {
            stage.name: {'median': round(stage.median, 5), 'p95': round(stage.p95, 5)}
            for stage in status.stages
        },
        'depth_age_s': {
            'median': round(status.depth_age_median, 5),
            'p95': round(status.depth_age_p95, 5),
        },
        'memory_bytes': status.memory,
    }
