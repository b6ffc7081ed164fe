"""~/status and /diagnostics: their content, and its publication in every lifecycle state."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.duration import Duration
from rclpy.node import Node
from std_msgs.msg import Header

from zoedepth_ros.environment import shared_memory_shortage
from zoedepth_ros.inference.fallback import FallbackPredictor
from zoedepth_ros.inference.result import DepthPredictor
from zoedepth_ros.msg import DropCount, StageTime, Status
from zoedepth_ros.pipeline.scale_file import CONVERGED, CONVERGING, UNKNOWN
from zoedepth_ros.pipeline.scaling import ScaleReport
from zoedepth_ros.ros import qos
from zoedepth_ros.ros.camera_stream import CameraStream
from zoedepth_ros.ros.health.findings import OK, Counts, counts, findings
from zoedepth_ros.ros.health.statistics import AGE, BATCH, STAGES, Statistics
from zoedepth_ros.ros.parameters.node_settings import NodeSettings

STATES: dict[int, tuple[str, str]] = {
    Status.STATE_UNKNOWN: ('unknown', 'the state is unknown'),
    Status.STATE_UNCONFIGURED: ('unconfigured', 'the node is not configured'),
    Status.STATE_INACTIVE: ('inactive', 'the node is configured, but not active'),
    Status.STATE_DISABLED: ('disabled', 'the service ~/enable has disabled processing'),
    Status.STATE_IDLE: ('idle', 'no output has a subscriber, so no depth is computed'),
    Status.STATE_NO_INPUT: ('no input', 'no images arrive'),
    Status.STATE_WORKING: ('working', 'images are processed'),
    Status.STATE_FAILED: ('failed', 'the depth network cannot run'),
}
"""Constant of a state -> its name, and a sentence about it."""
_SCALE_STATES = {
    UNKNOWN: Status.SCALE_UNKNOWN,
    CONVERGING: Status.SCALE_CONVERGING,
    CONVERGED: Status.SCALE_CONVERGED,
}
_SCALE_NAMES = {number: name for name, number in _SCALE_STATES.items()}


class StatusReporter:
    """Publish ~/status (~/<camera>/status of several cameras) and /diagnostics."""

    def __init__(
        self,
        node: Node,
        streams: Sequence[CameraStream],
        predictor: Callable[[], FallbackPredictor | None],
    ) -> None:
        """Create plain publishers, which also publish while the node is inactive.

        predictor: returns the present one; None while none is loaded.
        """
        self._node, self._streams, self._predictor = node, streams, predictor
        name = node.get_fully_qualified_name()
        self._diagnostics = [Diagnostics(name) for _ in streams]
        options = {'qos_overriding_options': qos.overridable()}
        topics = [f'~/{s.name}/status' if s.name else '~/status' for s in streams]
        self._statuses = [
            node.create_publisher(Status, topic, qos.output(1), **options) for topic in topics
        ]
        self._array = node.create_publisher(
            DiagnosticArray, '/diagnostics', qos.output(10), **options
        )

    def report(self, failure: str = '') -> None:
        """Publish the present state of every camera.

        failure: why no network is loaded and none can be in this process; '' otherwise.
        """
        stamp, predictor = self._node.get_clock().now().to_msg(), self._predictor()
        same_name = self._same_name()
        of_network = (failure,) * bool(failure) if predictor is None else predictor.notices
        shortage = shared_memory_shortage(self._streams[0].settings.warn_shared_memory_mb)
        array = DiagnosticArray(header=Header(stamp=stamp))
        messages = []
        for stream, diagnostics in zip(self._streams, self._diagnostics, strict=True):
            notices = (*same_name, *shortage, *stream.incompatible_qos(), *of_network)
            messages.append(stream_status(stream, stamp, predictor, notices))
            if failure:
                messages[-1].state = Status.STATE_FAILED
            array.status.append(diagnostics.make(messages[-1], stream.settings))
        for publisher, msg in zip(self._statuses, messages, strict=True):
            publisher.publish(msg)
        self._array.publish(array)

    def deliver(self, timeout_s: float) -> None:
        """Wait until the subscribers have what was published, at most so long."""
        end_s = time.monotonic() + timeout_s
        for publisher in (*self._statuses, self._array):
            left_s = max(0.0, end_s - time.monotonic())
            publisher.wait_for_all_acked(Duration(seconds=left_s))

    def _same_name(self) -> tuple[str, ...]:
        node = self._node
        ours = (node.get_name(), node.get_namespace())
        names = [found[:2] for found in node.get_node_names_and_namespaces()].count(ours)
        text = f'{names} nodes have the name {node.get_fully_qualified_name()}'
        note = ' (a killed node is counted for another 20 s)'
        return (text + note,) * (names > 1)


def stream_status(
    stream: CameraStream,
    stamp: Any,
    predictor: FallbackPredictor | None,
    notices: tuple[str, ...],
) -> Any:
    """Return the Status message of one camera; notices: of the node, in words."""
    processor = stream.processor
    if processor is None or predictor is None:
        state = Status.STATE_UNCONFIGURED
        return make_status(
            stamp, stream.statistics, state, None, camera=stream.name, notices=list(notices)
        )
    pipeline = processor.pipeline
    return make_status(
        stamp,
        stream.statistics,
        _state(stream, predictor),
        predictor,
        camera=stream.name,
        head=pipeline.head,
        network_height=pipeline.input_size[0],
        network_width=pipeline.input_size[1],
        scale=pipeline.scale,
        notices=[*notices, *stream.missing_input(), *processor.notices],
        assumptions=list(processor.assumptions),
        input_age=stream.no_input_s if stream.is_subscribed else math.nan,
        router_probabilities=pipeline.policy.smoothed,
        router_uncertain=pipeline.is_router_uncertain,
    )


def _state(stream: CameraStream, predictor: FallbackPredictor) -> int:
    if not stream.is_active:
        return Status.STATE_INACTIVE
    if not stream.enabled:
        return Status.STATE_DISABLED
    if predictor.failed:
        return Status.STATE_FAILED
    if not stream.is_used or not stream.is_subscribed:
        return Status.STATE_IDLE
    if stream.no_input_s > stream.settings.warn_no_input_s:
        return Status.STATE_NO_INPUT
    return Status.STATE_WORKING


def make_status(
    stamp: Any,
    statistics: Statistics,
    state: int,
    predictor: DepthPredictor | None,
    *,
    scale: ScaleReport | None = None,
    router_probabilities: Mapping[str, float] | None = None,
    **values: Any,
) -> Any:
    """Fill a Status message.

    state: a constant Status.STATE_…  predictor, scale: None if not configured.
    router_probabilities: running mean of the router's.  values: further fields of the message.
    """
    probabilities = router_probabilities or {}
    msg = Status(
        header=Header(stamp=stamp),
        state=state,
        message=STATES[state][1],
        received=statistics.received,
        published=statistics.published,
        clock_jumps=statistics.clock_jumps,
        memory=resident_memory_bytes(),
        indoor_probability=probabilities.get('indoor', math.nan),
        outdoor_probability=probabilities.get('outdoor', math.nan),
        **{'input_age': math.nan, **values},
    )
    if predictor is not None:
        msg.model, msg.weights = predictor.model_name, predictor.weights_origin
        msg.weights_warning = predictor.weights_warning
        msg.device, msg.precision = predictor.device, predictor.precision
        if not math.isnan(predictor.device_memory_mb):
            msg.device_memory = round(1e6 * predictor.device_memory_mb)
    _fill_scale(msg, scale)
    msg.input_rate, msg.depth_rate = statistics.rate_hz('input'), statistics.rate_hz('depth')
    msg.cloud_rate, msg.router_rate = statistics.rate_hz('cloud'), statistics.rate_hz('router')
    msg.depth_age_median, msg.depth_age_p95 = _seconds(statistics.median_and_p95(AGE))
    msg.batch_size = statistics.mean(BATCH)
    drops = sorted(statistics.drops().items())
    msg.drops = [DropCount(reason=reason, count=count) for reason, count in drops]
    for name in STAGES:
        median_s, p95_s = _seconds(statistics.median_and_p95(name))
        msg.stages.append(StageTime(name=name, median=median_s, p95=p95_s))
    return msg


def _seconds(pair_ms: tuple[float, float]) -> tuple[float, float]:
    return 1e-3 * pair_ms[0], 1e-3 * pair_ms[1]


def _fill_scale(msg: Any, report: ScaleReport | None) -> None:
    msg.scale, msg.scale_target = 1.0, 1.0
    msg.camera_height = msg.camera_pitch = float('nan')
    if report is None:
        return
    msg.scale, state = report.applied, report.state
    msg.scale_target, msg.scale_confidence = state.target, state.confidence
    msg.scale_state, msg.scale_note = _SCALE_STATES[state.phase], report.note
    if report.ground is not None:
        msg.camera_height, msg.camera_pitch = report.ground.height_m, report.ground.pitch_rad


class Diagnostics:
    """Make diagnostics of Status messages; faults since the last one raise the level."""

    def __init__(self, name: str) -> None:
        """name: the node's full name."""
        self._name = name
        self._before: Counts = (0, {})

    def make(self, status: Any, settings: NodeSettings) -> Any:
        """Return the DiagnosticStatus of a Status, and add its finding to the status message.

        settings: the thresholds.
        """
        found = findings(status, self._before, settings)
        self._before = counts(status)
        _, sentence = STATES[status.state]
        level, message = found[0] if found else (OK, sentence)
        status.message = sentence if message == sentence else f'{sentence}; {message}'
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
    pairs = [('state', STATES[status.state][0])]
    names = ('model', 'weights', 'weights_warning', 'device', 'precision', 'head')
    pairs += [(name, getattr(status, name)) for name in names]
    pairs.append(('network size [px]', f'{status.network_width} x {status.network_height}'))
    for name in ('input_rate', 'depth_rate', 'cloud_rate', 'router_rate'):
        pairs.append((f'{name} [Hz]', f'{getattr(status, name):.2f}'))
    pairs.append(('scale', f'{status.scale:.3f} ({_SCALE_NAMES[status.scale_state]})'))
    pairs.append(('scale, note', status.scale_note))
    shares = f'{status.indoor_probability:.2f} / {status.outdoor_probability:.2f}'
    uncertain = ', too uncertain to switch the head' if status.router_uncertain else ''
    pairs.append(('router, indoor / outdoor', shares + uncertain))
    pairs += [(f'notice {i}', notice) for i, notice in enumerate(status.notices, start=1)]
    pairs += [(f'assumption {i}', text) for i, text in enumerate(status.assumptions, start=1)]
    pairs += [('received', str(status.received)), ('published', str(status.published))]
    pairs += [
        ('time since the last image [s]', f'{status.input_age:.2f}'),
        ('clock jumps', str(status.clock_jumps)),
    ]
    pairs.append(('images per run of the network', f'{status.batch_size:.2f}'))
    pairs += [(f'dropped: {drop.reason}', str(drop.count)) for drop in status.drops]
    ages = f'{status.depth_age_median:.4f} / {status.depth_age_p95:.4f}'
    pairs.append(('depth age, median / p95 [s]', ages))
    for stage in status.stages:
        times = f'{stage.median:.5f} / {stage.p95:.5f}'
        pairs.append((f'{stage.name}, median / p95 [s]', times))
    pairs.append(('memory [bytes]', str(status.memory)))
    pairs.append(('memory on the device [bytes]', str(status.device_memory)))
    return pairs


def resident_memory_bytes() -> int:
    """Return the resident memory of this process [bytes]; 0 where /proc does not report it."""
    try:
        pages = int(Path('/proc/self/statm').read_text(encoding='ascii').split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf('SC_PAGE_SIZE')
