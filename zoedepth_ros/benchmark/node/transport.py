"""The environments that processes are started in: as the package ships it, and as it comes."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

from zoedepth_ros.ros.environment import (
    OLD_PROFILE_VARIABLE,
    PROFILE_VARIABLE,
    STEERING,
    local_profile,
    native_environment,
    profile_environment,
    reserve_domain,
)

LARGEST_SEGMENT_BYTES = 32 * 2**20
SMALLEST_SEGMENT_BYTES = 20 * 2**20  # a coloured cloud of 1280 x 720 points, and its depth image
SHIPPED, PLAIN = 'shipped', 'plain'


def shipped(folder: Path, processes: int) -> dict[str, str]:
    """Give the environment of the launch files: transport profile, allocator and threads.

    folder: where a copy of the profile is left whose shared memory is small enough for all of the
    processes.  Raises OSError when there is too little of it.
    """
    free_bytes = shutil.disk_usage('/dev/shm').free
    segment_bytes = min(LARGEST_SEGMENT_BYTES, free_bytes // (processes + 1))
    if segment_bytes < SMALLEST_SEGMENT_BYTES:
        raise OSError(
            f'/dev/shm has {free_bytes // 2**20} MB free, too little for {processes} processes '
            'and their pictures; in a container: docker run --shm-size=512m'
        )
    profile = folder / 'fastdds.xml'
    profile.write_text(local_profile(_profile().read_text('utf-8'), segment_bytes))
    bare = plain()
    return {**bare, **native_environment(bare), **profile_environment(str(profile), bare)}


def plain() -> dict[str, str]:
    """Give this process's environment without what the package recommends."""
    ours = {PROFILE_VARIABLE, OLD_PROFILE_VARIABLE}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not name.startswith(STEERING)
    }
    return {
        **kept,
        'ROS_DOMAIN_ID': _domain(),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
    }


@cache
def _domain() -> str:
    """Choose the domain of all processes of this run."""
    return str(reserve_domain())


def _profile() -> Path:
    """Find the transport profile, in an installed package or beside the sources."""
    for folder in Path(__file__).resolve().parents:
        for place in ('share/zoedepth_ros/config', 'config'):
            if (folder / place / 'fastdds.xml').is_file():
                return folder / place / 'fastdds.xml'
    raise FileNotFoundError('config/fastdds.xml of this package is not installed')
