"""Map findings to diagnostic levels, by thresholds that are parameters."""

from __future__ import annotations

from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus

from zoedepth_ros.msg import Status
from zoedepth_ros.ros.image_processor import SUPERSEDED
from zoedepth_ros.ros.parameters.node_settings import NodeSettings

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
Finding = tuple[bytes, str]
Counts = tuple[int, dict[str, int]]
"""Images received, and images dropped for each fault, since the node was configured."""


def counts(status: Any) -> Counts:
    """Return the counts of a Status; a camera faster than the network is no fault."""
    return status.received, {d.reason: d.count for d in status.drops if d.reason != SUPERSEDED}


def findings(status: Any, before: Counts, at: NodeSettings) -> list[Finding]:
    """Return everything that needs attention, the worst first; before: the previous counts."""
    found = [
        *((WARN, notice) for notice in status.notices),  # causes before symptoms
        *_state(status, at),
        *_drops(before, counts(status), at),
    ]
    if status.state == Status.STATE_WORKING:
        age_s, rate_hz = status.depth_age_p95, status.depth_rate or status.cloud_rate
        found += _above(
            age_s,
            at.warn_age_s,
            at.error_age_s,
            'depth is {:.2f} s old at its publication (95th percentile), more than the limit '
            'of {:g} s',
        )
        found += _below(rate_hz, at.warn_rate_hz, at.error_rate_hz)
    found += _above(
        1e-6 * status.memory,
        at.warn_memory_mb,
        0.0,
        'the process of the node uses {:.0f} MB of memory, more than the limit of {:g} MB',
    )
    if status.weights_warning:
        found.append(
            (WARN, f'the weights are not those of the ZoeDepth authors: {status.weights_warning}')
        )
    return sorted(found, key=lambda finding: finding[0], reverse=True)


def _state(status: Any, at: NodeSettings) -> list[Finding]:
    if status.state == Status.STATE_FAILED:
        return [(ERROR, 'the depth network cannot run')]
    silence = f'no image has arrived for {status.input_age:.0f} s'
    is_subscribed = status.state in (Status.STATE_NO_INPUT, Status.STATE_WORKING)
    if is_subscribed and 0.0 < at.error_no_input_s <= status.input_age:
        return [(ERROR, silence)]
    return [(WARN, silence)] if status.state == Status.STATE_NO_INPUT else []


def _drops(before: Counts, now: Counts, at: NodeSettings) -> list[Finding]:
    new = {reason: count - before[1].get(reason, 0) for reason, count in now[1].items()}
    dropped = sum(new.values())
    if dropped <= 0:  # also after a new configure, which counts from zero
        return []
    share = dropped / max(now[0] - before[0], dropped)
    message = (
        f'{share:.0%} of the images of the last second were dropped or lack an output, mostly for '
        f'this reason: {max(new, key=new.__getitem__)}'
    )
    if share > at.error_drops:
        return [(ERROR, message)]
    return [(WARN, message)] if share > at.warn_drops else []


def _above(value: float, warn: float, error: float, text: str) -> list[Finding]:
    """Compare with both limits; 0.0 is no limit, and NaN is above none."""
    if 0.0 < error < value:
        return [(ERROR, text.format(value, error))]
    return [(WARN, text.format(value, warn))] if 0.0 < warn < value else []


def _below(rate_hz: float, warn_hz: float, error_hz: float) -> list[Finding]:
    for level, limit_hz in ((ERROR, error_hz), (WARN, warn_hz)):
        if rate_hz < limit_hz:
            found = (
                f'outputs are published at {rate_hz:.1f} Hz, less than the limit of {limit_hz:g} '
                'Hz'
            )
            return [(level, found)]
    return []
