"""Quality of service as rosbag2 writes it into a recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FOREVER_NS = 2**63 - 1
"""How an infinite duration is written [ns]."""

_NAMES = {
    'history': {0: 'system_default', 1: 'keep_last', 2: 'keep_all', 3: 'unknown'},
    'reliability': {0: 'system_default', 1: 'reliable', 2: 'best_effort', 3: 'unknown'},
    'durability': {0: 'system_default', 1: 'transient_local', 2: 'volatile', 3: 'unknown'},
    'liveliness': {0: 'system_default', 1: 'automatic', 3: 'manual_by_topic', 4: 'unknown'},
}


@dataclass(frozen=True, slots=True)
class Profile:
    """Hold one publisher's offer; policies are numbered as in rmw."""

    history: int = 1
    """1 keeps the last, 2 all; 3 where the middleware does not tell."""

    depth: int = 5
    """How many are kept."""

    reliability: int = 1
    """1 is reliable, 2 best effort."""

    durability: int = 2
    """1 is transient local, 2 volatile."""

    deadline_ns: int = FOREVER_NS
    """Longest time between messages [ns]."""

    lifespan_ns: int = FOREVER_NS
    """How long a message is worth anything [ns]."""

    liveliness: int = 1
    """1 is automatic, 3 manual."""

    lease_ns: int = FOREVER_NS
    """After how long of silence a publisher counts as gone [ns]."""


def profiles_text(profiles: Sequence[Profile], *, by_name: bool = False) -> str:
    """Return offers as YAML.

    by_name: policies as names, as rosbag2 writes since Jazzy; it reads numbers in every version.
    """
    return '\n'.join(_text(profile, by_name=by_name) for profile in profiles)


def _text(profile: Profile, *, by_name: bool) -> str:
    def policy(name: str) -> str:
        number = getattr(profile, name)
        return str(_NAMES[name].get(number, 'unknown') if by_name else number)

    return f"""- history: {policy('history')}
  depth: {profile.depth}
  reliability: {policy('reliability')}
  durability: {policy('durability')}
  deadline:
{_duration(profile.deadline_ns)}
  lifespan:
{_duration(profile.lifespan_ns)}
  liveliness: {policy('liveliness')}
  liveliness_lease_duration:
{_duration(profile.lease_ns)}
  avoid_ros_namespace_conventions: false"""


def _duration(duration_ns: int) -> str:
    return f'    sec: {duration_ns // 10**9}\n    nsec: {duration_ns % 10**9}'
