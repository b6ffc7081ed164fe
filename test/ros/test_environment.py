import socket
from pathlib import Path

import pytest

from zoedepth_ros.ros.environment import (
    ALLOCATOR,
    OLD_PROFILE_VARIABLE,
    PROFILE_VARIABLE,
    free_domain,
    local_profile,
    native_environment,
    profile_environment,
    segment_size,
)

CONFIG = Path(__file__).resolve().parents[2] / 'config'


@pytest.mark.parametrize('name', [PROFILE_VARIABLE, OLD_PROFILE_VARIABLE])
def test_a_profile_of_the_users_own_stays(name):
    assert profile_environment('/ours.xml', {name: '/theirs.xml'}) == {}


def test_the_profile_is_named_as_the_distribution_reads_it():
    assert profile_environment('/ours.xml', {}) == {'FASTDDS_DEFAULT_PROFILES_FILE': '/ours.xml'}
    humble = profile_environment('/ours.xml', {'ROS_DISTRO': 'humble'})
    assert humble['FASTRTPS_DEFAULT_PROFILES_FILE'] == '/ours.xml'


def test_the_users_settings_of_allocator_and_threads_stay():
    chosen = native_environment({'MALLOC_TOP_PAD_': '1', 'GOMP_SPINCOUNT': '7'})
    assert set(chosen) == set(ALLOCATOR) - {'MALLOC_TOP_PAD_'}
    assert native_environment({}) == {**ALLOCATOR, 'GOMP_SPINCOUNT': '1000'}


def test_the_profile_of_the_demo_stays_on_this_machine_and_fits_into_shared_memory():
    profile = (CONFIG / 'fastdds.xml').read_text()
    local = local_profile(profile, 5_000_000)
    assert local.count('<address>127.0.0.1</address>') == 1
    assert '<segment_size>5000000</segment_size>' in local
    assert segment_size(10 * 2**30) == 32 * 2**20
    assert segment_size(64 * 2**20) == 16 * 2**20  # a container as docker makes it
    with pytest.raises(OSError, match='shm-size'):
        segment_size(2**20)


def test_a_domain_in_use_is_left_alone(monkeypatch):
    first = free_domain()
    monkeypatch.setattr('random.sample', lambda *_: [first])
    assert free_domain() == first
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(('', 7400 + 250 * first + 10))  # RTPS, section 9.6.1: the first participant's
        with pytest.raises(OSError, match='in use'):
            free_domain()
        monkeypatch.setattr('random.sample', lambda domains, count: list(domains))
        assert free_domain() != first
