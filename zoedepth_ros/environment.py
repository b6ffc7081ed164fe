"""Environment of processes that exchange big messages and stay on one machine; imports no ROS."""

from __future__ import annotations

import getpass
import os
import random
import re
import shutil
import socket
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from zoedepth_ros.files import read_text

SHARED_MEMORY = Path('/dev/shm')
"""Where Fast DDS keeps its segments on Linux."""

PROFILE_VARIABLE = 'FASTDDS_DEFAULT_PROFILES_FILE'
OLD_PROFILE_VARIABLE = 'FASTRTPS_DEFAULT_PROFILES_FILE'
_LARGEST_SEGMENT_BYTES = 32 * 2**20
_SMALLEST_SEGMENT_BYTES = 4 * 2**20
_SPINNING, _WAITING = 'GOMP_SPINCOUNT', 'OMP_WAIT_POLICY'
_SPINS = '1000'  # libgomp's value for more threads than processors
_reservations: list[socket.socket] = []  # open as long as this process lives

ALLOCATOR: Mapping[str, str] = {
    'MALLOC_MMAP_THRESHOLD_': '268435456',
    'MALLOC_TRIM_THRESHOLD_': '1073741824',
    'MALLOC_TOP_PAD_': '67108864',
}
"""Keeps glibc from mapping and giving back every image-sized block [bytes]: a cloud of 4.9 MB
then takes 2.7 ms from process to process instead of 7.9."""

STEERING = ('MALLOC_', 'GOMP_SPINCOUNT')
"""How the names begin that `native_environment` sets; without them a process has its own ways."""


def thread_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables to set before torch is imported, unless the user set them.

    OpenMP threads busy-wait, by default for milliseconds, which blocks the processor for the
    threads they wait for as soon as other processes run: next to one busy process on two cores,
    ZoeD_M12_NK in bf16 takes 13.7 s instead of 2.1 s.  Without other processes it is as fast with
    a low spin count; ZoeD_S_NK, with its short operations, is a few per cent slower.

    torch cannot be imported by a user without a name, as in `docker run --user 1234`.
    """
    chosen = _SPINNING in environ or _WAITING in environ
    return ({} if chosen else {_SPINNING: _SPINS}) | _name_of_user()


def _name_of_user() -> dict[str, str]:
    try:
        getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        return {'USER': str(os.getuid())}
    return {}


def native_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Give what allocator and threads read when a process starts, unless it is set already."""
    allocator = {name: value for name, value in ALLOCATOR.items() if name not in environ}
    return allocator | thread_environment(environ)


def profile_environment(profile: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Give what makes Fast DDS read a profile; nothing when the user has chosen one already."""
    if environ.get(PROFILE_VARIABLE) or environ.get(OLD_PROFILE_VARIABLE):
        return {}
    return dict.fromkeys(profile_variables(environ), profile)


def share_folders(environ: Mapping[str, str]) -> list[Path]:
    """Return the folders in which ROS packages of this environment keep what they share."""
    prefixes = environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    return [Path(prefix, 'share') for prefix in (*filter(None, prefixes), sys.prefix)]


def profile_variables(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Name the variables from which the installed Fast DDS reads a profile.

    Version 3 (Kilted) renamed the variable and warns about the old name; version 2 (Humble, Jazzy)
    reads no other. The package was renamed too, from fastrtps to fastdds.
    """
    has_version_2 = any((share / 'fastrtps').is_dir() for share in share_folders(environ))
    return (PROFILE_VARIABLE, OLD_PROFILE_VARIABLE) if has_version_2 else (PROFILE_VARIABLE,)


def lost_for_size(image_bytes: int, environ: Mapping[str, str] = os.environ) -> str:
    """Say that images are larger than the shared memory of the Fast DDS profile; '' otherwise."""
    path = next(filter(None, map(environ.get, (PROFILE_VARIABLE, OLD_PROFILE_VARIABLE))), '')
    if 'fastrtps' not in environ.get('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp'):
        return ''
    segment_bytes = _segment_bytes(path) if path else 0
    if not 0 < segment_bytes < image_bytes:
        return ''
    return (
        f'images of {image_bytes / 1e6:.0f} MB do not fit into the shared memory of the Fast DDS '
        f'profile, {segment_bytes / 1e6:.0f} MB, so some images are lost: start the driver '
        'and this node with fastdds_large.xml (docs/transport.md)'
    )


@cache
def _segment_bytes(path: str) -> int:
    """Read the size of a profile's shared-memory segment [bytes]; 0 where it names none."""
    try:
        found = re.search(r'<segment_size>\s*(\d+)', read_text(Path(path)))
    except (OSError, ValueError):
        return 0
    return int(found[1]) if found else 0


def segment_size(free_bytes: int) -> int:
    """Choose the shared-memory segment of each of three processes [bytes].

    Containers often have 64 MB for all of them.  Raises OSError when there is too little.
    """
    size = min(_LARGEST_SEGMENT_BYTES, free_bytes // 4)  # three processes, and some air
    if size < _SMALLEST_SEGMENT_BYTES:
        raise OSError(
            f'/dev/shm has {free_bytes // 2**20} MB free, which is too little for '
            'images between processes; in a container use docker run --shm-size=256m'
        )
    return size


def shared_memory_shortage(least_mb: float, folder: Path = SHARED_MEMORY) -> tuple[str, ...]:
    """Say that less than `least_mb` are free where Fast DDS passes images; () when all is well."""
    try:
        free_mb = 1e-6 * shutil.disk_usage(folder).free
    except OSError:  # not on this system
        return ()
    if free_mb >= least_mb:
        return ()
    text = (
        f'{folder} has {free_mb:.1f} MB free, less than {least_mb:g} MB: images between '
        'processes may be lost; remove files that killed processes left there '
        '(docs/troubleshooting.md), or start a container with docker run --shm-size=256m'
    )
    return (text,)


def local_profile(profile: str, segment_bytes: int) -> str:
    """Change a Fast DDS profile so that nothing leaves this machine, whatever the release.

    Humble does not know ROS_AUTOMATIC_DISCOVERY_RANGE: hence the list of interfaces.
    """
    size = f'<segment_size>{segment_bytes}</segment_size>'
    only = '<interfaceWhiteList><address>127.0.0.1</address></interfaceWhiteList>'
    profile = re.sub(r'<segment_size>\d+</segment_size>', size, profile)
    return profile.replace('<type>UDPv4</type>', f'<type>UDPv4</type>\n        {only}')


def reserve_domain() -> int:
    """Choose a ROS domain that no process of this machine uses, for this process until it ends.

    Processes that choose at the same moment get different domains.  Raises OSError when all are in
    use.
    """
    for domain in random.SystemRandom().sample(range(1, 102), 101):
        first_port = 7400 + 250 * domain  # RTPS, section 9.6.1
        reservation = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            reservation.bind(('', first_port + 9))  # participants use + 0, + 1 and from + 10 on
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
                trial.bind(('', first_port + 10))  # where the first participant listens
        except OSError:
            reservation.close()
            continue
        _reservations.append(reservation)
        return domain
    raise OSError('every ROS domain from 1 to 101 is in use on this machine')
