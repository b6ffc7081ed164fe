"""The environment of processes: profiles of Fast DDS, allocator, shared memory, domains."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from zoedepth_ros import environment
from zoedepth_ros.environment import (
    ALLOCATOR,
    OLD_PROFILE_VARIABLE,
    PROFILE_VARIABLE,
    local_profile,
    lost_for_size,
    native_environment,
    profile_environment,
    reserve_domain,
    segment_size,
    shared_memory_shortage,
)

CONFIG = Path(__file__).resolve().parents[1] / 'config'


@pytest.mark.parametrize('name', [PROFILE_VARIABLE, OLD_PROFILE_VARIABLE])
def test_a_profile_of_the_users_own_stays(name):
    assert profile_environment('/ours.xml', {name: '/theirs.xml'}) == {}


@pytest.mark.parametrize('as_wheels', [True, False])
@pytest.mark.parametrize(
    ('package', 'variable'),
    # fastrtps 2.14 of Jazzy, fastdds 3.2 of Kilted: their documentation of the variable
    [('fastrtps', 'FASTRTPS_DEFAULT_PROFILES_FILE'), ('fastdds', 'FASTDDS_DEFAULT_PROFILES_FILE')],
)
def test_the_profile_is_named_as_the_installed_fast_dds_reads_it(
    tmp_path, monkeypatch, package, variable, as_wheels
):
    (tmp_path / 'share' / package).mkdir(parents=True)
    monkeypatch.setattr('sys.prefix', str(tmp_path if as_wheels else '/nowhere'))
    sourced = {} if as_wheels else {'AMENT_PREFIX_PATH': f'/overlay:{tmp_path}'}
    chosen = profile_environment('/ours.xml', sourced)
    assert chosen[variable] == '/ours.xml'
    if package == 'fastdds':  # which warns about the old name
        assert set(chosen) == {variable}


def test_the_profile_reaches_fast_dds_itself(tmp_path):
    profile = tmp_path / 'broken.xml'
    profile.write_text('<dds><profiles></dds>')
    code = 'import rclpy; rclpy.init(); rclpy.create_node("x")'
    environ = {**os.environ, 'ROS_DOMAIN_ID': str(reserve_domain())}
    for name in (PROFILE_VARIABLE, OLD_PROFILE_VARIABLE):
        environ.pop(name, None)
    environ |= profile_environment(str(profile), environ)
    run = subprocess.run([sys.executable, '-c', code], env=environ, capture_output=True, text=True)
    assert 'XMLPARSER' in run.stdout + run.stderr


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


def test_shared_memory_that_is_nearly_full_is_reported_with_the_remedy(tmp_path, monkeypatch):
    usage = SimpleNamespace(free=3_900_000)
    monkeypatch.setattr('zoedepth_ros.environment.shutil.disk_usage', lambda folder: usage)
    (text,) = shared_memory_shortage(4.0)
    assert text.startswith('/dev/shm has 3.9 MB free, less than 4 MB: ')
    assert '--shm-size' in text
    assert 'docs/troubleshooting.md' in text
    assert shared_memory_shortage(3.0) == shared_memory_shortage(0.0) == ()
    monkeypatch.undo()
    assert shared_memory_shortage(4.0, tmp_path / 'not here') == ()


def test_a_domain_in_use_is_left_alone(monkeypatch):
    first = reserve_domain()
    monkeypatch.setattr('random.SystemRandom.sample', lambda *_: [first])
    with pytest.raises(OSError, match='in use'):
        reserve_domain()
    monkeypatch.undo()
    second, third = reserve_domain(), reserve_domain()
    for _ in range(2):
        environment._reservations.pop().close()
    monkeypatch.setattr('random.SystemRandom.sample', lambda *_: [second, third])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(('', 7400 + 250 * second + 10))  # RTPS, section 9.6.1: a first participant
        assert reserve_domain() == third
    assert reserve_domain() == second


def test_processes_that_choose_a_domain_at_the_same_moment_get_different_ones():
    code = (
        'import random, sys; random.SystemRandom.sample = lambda *_: list(range(50, 102)); '
        'from zoedepth_ros.environment import reserve_domain; '
        'print(reserve_domain(), flush=True); sys.stdin.read()'
    )
    pipes = {'stdin': subprocess.PIPE, 'stdout': subprocess.PIPE, 'text': True}
    processes = [subprocess.Popen([sys.executable, '-c', code], **pipes) for _ in range(4)]
    chosen = [process.stdout.readline() for process in processes]
    for process in processes:
        process.communicate()
    assert len({int(domain) for domain in chosen}) == 4


@pytest.mark.parametrize('variable', [PROFILE_VARIABLE, OLD_PROFILE_VARIABLE])
def test_images_that_the_profile_cannot_carry_are_named_with_the_profile_that_can(variable):
    big = 4000 * 3000 * 3
    usual, large = (
        {variable: str(CONFIG / f'{name}.xml')} for name in ('fastdds', 'fastdds_large')
    )
    assert 'images of 36 MB' in lost_for_size(big, usual)
    assert 'fastdds_large.xml' in lost_for_size(big, usual)
    assert lost_for_size(big, large) == ''
    assert lost_for_size(1920 * 1080 * 3, usual) == ''
    assert '134 MB' in lost_for_size(8000 * 6000 * 3, large)


def test_the_size_is_not_reported_where_the_profile_does_not_hold(tmp_path):
    big, profile = 10**9, str(CONFIG / 'fastdds.xml')
    assert lost_for_size(big, {}) == ''
    assert lost_for_size(big, {PROFILE_VARIABLE: str(tmp_path / 'none.xml')}) == ''
    other = {PROFILE_VARIABLE: profile, 'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp'}
    assert lost_for_size(big, other) == ''
    assert lost_for_size(big, {**other, 'RMW_IMPLEMENTATION': 'rmw_fastrtps_dynamic_cpp'})
