"""What the node says about itself once a second: ~/status and /diagnostics."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from std_msgs.msg import Header

from zoedepth_ros.geometry.scale_tracker import UNKNOWN as UNKNOWN_SCALE
from zoedepth_ros.inference.result import DepthPredictor
from zoedepth_ros.msg import DropCount, StageTime, Status

from .diagnosis import OK, Counts, faults, findings
from .parameters import NodeSettings
from .scaling import ScaleReport
from .statistics import Statistics

WORKING, IDLE, STARVED, FAILED = 'working', 'idle', 'starved', 'failed'
DISABLED, INACTIVE, UNCONFIGURED = 'disabled', 'inactive', 'unconfigured'
_STATE_MESSAGES = {
    WORKING: 'depth is published',
    IDLE: 'nobody listens, so nothing is computed',
    STARVED: 'no pictures come in',
    FAILED: 'the network is out of service',
    DISABLED: 'switched off by ~/enable',
    INACTIVE: 'configured, not active',
    UNCONFIGURED: 'not configured',
}


@dataclass(frozen=True, slots=True)
class Condition:
    """Hold what the node knows about itself apart from the numbers of the stream."""

    state: str
    """One of the states above."""

    predictor: DepthPredictor | None
    """What runs; None when not configured."""

    head: str
    """Head in use; '' before the first picture."""

    network_size: tuple[int, int]
    """Height and width the network sees [px]; zeros before the first picture."""

    scale: ScaleReport | None = None
    """Where the metric scale is; None when not configured."""

    camera: str = ''
    """Name of the camera; '' for a node's only one."""

    notices: tuple[str, ...] = ()
    """What is not as it was asked for, in words."""

    silence_s: float = float('nan')
    """Time since the last picture [s]; NaN while not active."""

    router_probabilities: Mapping[str, float] = field(default_factory=dict)
    """Running mean of the router's verdicts; empty before the first."""

    is_router_uncertain: bool = False
    """Whether they are too close to change the head."""


def make_status(stamp: Any, condition: Condition, statistics: Statistics) -> Any:
    """Put everything into a Status message."""
    predictor = condition.predictor
    msg = Status(
        header=Header(stamp=stamp),
        camera=condition.camera,
        state=condition.state,
        head=condition.head,
        network_height=condition.network_size[0],
        network_width=condition.network_size[1],
        received=statistics.received,
        published=statistics.published,
        restarts=statistics.restarts,
        memory_mb=resident_memory_mb(),
        device_memory_mb=float('nan'),
        notices=list(condition.notices),
        silence=condition.silence_s,
        indoor_probability=condition.router_probabilities.get('indoor', float('nan')),
        outdoor_probability=condition.router_probabilities.get('outdoor', float('nan')),
        router_uncertain=condition.is_router_uncertain,
    )
    if predictor is not None:
        msg.model, msg.weights = predictor.model_name, predictor.weights_origin
        msg.trained_on = predictor.trained_on
        msg.device, msg.precision = predictor.device, predictor.precision
        msg.device_memory_mb = predictor.device_memory_mb
    _say_scale(msg, condition.scale)
    msg.input_rate, msg.depth_rate = statistics.rate_hz('input'), statistics.rate_hz('depth')
    msg.cloud_rate, msg.router_rate = statistics.rate_hz('cloud'), statistics.rate_hz('router')
    msg.age_median_ms, msg.age_p95_ms = statistics.age_ms.median_and_p95()
    msg.batch = statistics.batch.mean()
    drops = sorted(statistics.drops().items())
    msg.drops = [DropCount(reason=reason, count=count) for reason, count in drops]
    for name, window in statistics.stages_ms.items():
        median_ms, p95_ms = window.median_and_p95()
        msg.stages.append(StageTime(name=name, median_ms=median_ms, p95_ms=p95_ms))
    return msg


def _say_scale(msg: Any, report: ScaleReport | None) -> None:
    msg.scale, msg.scale_target, msg.scale_state = 1.0, 1.0, UNKNOWN_SCALE
    msg.camera_height = msg.camera_pitch = float('nan')
    if report is None:
        return
    msg.scale, state = report.applied, report.state
    msg.scale_target, msg.scale_confidence = state.target, state.confidence
    msg.scale_state = state.phase
    if report.ground is not None:
        msg.camera_height, msg.camera_pitch = report.ground.height_m, report.ground.pitch_rad


class Diagnostics:
    """Turn statuses into diagnostics; faults since the last one raise the level."""

    def __init__(self, name: str, settings: Callable[[], NodeSettings] = NodeSettings) -> None:
        """name: the node's full name.  settings: gives the present thresholds."""
        self._name, self._settings = name, settings
        self._before: Counts = (0, 0)

    def make(self, status: Any) -> Any:
        """Make the DiagnosticStatus that says what a Status says."""
        now = (status.received, faults(status))
        found = findings(status, self._before, now, self._settings())
        self._before = now
        level, message = found[0] if found else (OK, _STATE_MESSAGES[status.state])
        return DiagnosticStatus(
            level=level,
            name=f'{self._name}: {status.camera} depth'
            if status.camera
            else f'{self._name}: depth',
            message=message,
            hardware_id=status.device,
            values=[KeyValue(key=key, value=value) for key, value in _key_values(status)],
        )


def _key_values(status: Any) -> list[tuple[str, str]]:
    pairs = [
        (name, str(getattr(status, name)))
        for name in ('state', 'model', 'weights', 'trained_on', 'device', 'precision', 'head')
    ]
    pairs.append(('network size [px]', f'{status.network_width} x {status.network_height}'))
    for name in ('input_rate', 'depth_rate', 'cloud_rate', 'router_rate'):
        pairs.append((f'{name} [Hz]', f'{getattr(status, name):.2f}'))
    pairs.append(('scale', f'{status.scale:.3f} ({status.scale_state})'))
    shares = f'{status.indoor_probability:.2f} / {status.outdoor_probability:.2f}'
    uncertain = ', uncertain: the head is kept' if status.router_uncertain else ''
    pairs.append(('router, indoor / outdoor', shares + uncertain))
    pairs += [(f'notice {i}', notice) for i, notice in enumerate(status.notices, start=1)]
    pairs += [('received', str(status.received)), ('published', str(status.published))]
    pairs += [
        ('since the last picture [s]', f'{status.silence:.2f}'),
        ('time went back', str(status.restarts)),
    ]
    pairs.append(('pictures per run of the network', f'{status.batch:.2f}'))
    pairs += [(f'dropped: {drop.reason}', str(drop.count)) for drop in status.drops]
    ages = f'{status.age_median_ms:.1f} / {status.age_p95_ms:.1f}'
    pairs.append(('age, median / p95 [ms]', ages))
    for stage in status.stages:
        times = f'{stage.median_ms:.2f} / {stage.p95_ms:.2f}'
        pairs.append((f'{stage.name}, median / p95 [ms]', times))
    pairs.append(('memory [MB]', f'{status.memory_mb:.0f}'))
    pairs.append(('memory on the device [MB]', f'{status.device_memory_mb:.0f}'))
    return pairs


def resident_memory_mb() -> float:
    """Give the memory of this process [MB]; NaN where /proc does not tell."""
    try:
        pages = int(Path('/proc/self/statm').read_text(encoding='ascii').split()[1])
    except (OSError, ValueError, IndexError):
        return float('nan')
    return pages * os.sysconf('SC_PAGE_SIZE') / 1e6
