"""What a report says about messages, as plain values."""

from __future__ import annotations

from typing import Any

from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from zoedepth_ros.msg import Status


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
        'state': status.state,
        'model': status.model,
        'weights': status.weights,
        'trained_on': status.trained_on,
        'device': status.device,
        'precision': status.precision,
        'network_size': [status.network_height, status.network_width],
        'head': status.head,
        'received': status.received,
        'published': status.published,
        'drops': {drop.reason: drop.count for drop in status.drops},
        'stages_ms': {
            stage.name: {'median': round(stage.median_ms, 2), 'p95': round(stage.p95_ms, 2)}
            for stage in status.stages
        },
        'stamp_to_publication_ms': {
            'median': round(status.age_median_ms, 2),
            'p95': round(status.age_p95_ms, 2),
        },
        'memory_mb': round(status.memory_mb),
    }
