"""Workflows and containers contain what they should; only a run elsewhere shows that they work."""

import re
import shlex

import docs_checks as checks
import pytest
import yaml
from docs_pages import ROOT

WORKFLOWS = sorted((ROOT / '.github' / 'workflows').glob('*.yaml'))


def workflow(name):
    text = (ROOT / '.github' / 'workflows' / name).read_text()
    # YAML 1.1 reads `on` as true
    return {('on' if key is True else key): value for key, value in yaml.safe_load(text).items()}


@pytest.mark.parametrize('path', WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_what_github_wants(path):
    content = workflow(path.name)
    assert {'name', 'on', 'jobs', 'permissions'} <= content.keys()
    for job in content['jobs'].values():
        assert job['runs-on']
        assert all(('uses' in step) != ('run' in step) for step in job['steps'])
        for step in job['steps']:
            expressions = re.findall(r'\$\{\{ *(\w+)\.', yaml.dump(step))
            assert set(expressions) <= {'matrix', 'github', 'env'}


def test_every_distribution_and_every_python_is_built():
    jobs = workflow('ros.yaml')['jobs']['colcon']
    matrix = jobs['strategy']['matrix']
    assert matrix['distribution'] == ['humble', 'jazzy', 'kilted', 'lyrical', 'rolling']
    assert matrix['middleware'] == ['rmw_fastrtps_cpp']
    others = {run['middleware'] for run in matrix['include']}
    assert others == {'rmw_cyclonedds_cpp', 'rmw_zenoh_cpp'}
    steps = '\n'.join(step.get('run', '') for step in jobs['steps'])
    assert 'src/zoedepth_ros/scripts/install_robot.sh' in steps
    assert (ROOT / 'scripts' / 'install_robot.sh').exists()
    assert 'pytest' in steps
    pythons = workflow('pip.yaml')['jobs']['check-and-test']['strategy']['matrix']['python']
    assert pythons == ['3.10', '3.11', '3.12', '3.13', '3.14']


@pytest.mark.parametrize('path', WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_to_a_commit_whose_version_is_beside_it(path):
    used = [line for line in path.read_text().splitlines() if 'uses:' in line]
    assert used
    for line in used:
        assert re.search(r'uses: actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$', line), line


@pytest.mark.parametrize('path', WORKFLOWS, ids=lambda path: path.name)
def test_nothing_is_installed_over_the_packages_of_the_system(path):
    text = path.read_text()
    assert 'PIP_BREAK_SYSTEM_PACKAGES' not in text
    assert '--break-system-packages' not in text


def test_a_choice_of_tests_leaves_the_slow_ones_out():
    lines = '\n'.join(path.read_text() for path in WORKFLOWS).splitlines()
    chosen = [match for line in lines if (match := re.search(r'pytest .*-m "(.*?)"', line))]
    assert chosen
    assert all('not slow' in match[1].split(' and ') for match in chosen)


@pytest.mark.parametrize('path', WORKFLOWS, ids=lambda path: path.name)
def test_the_commands_of_workflows_name_what_exists(path):
    for job in workflow(path.name)['jobs'].values():
        for step in job['steps']:
            for line in step.get('run', '').replace('\\\n', ' ').splitlines():
                known = [word for word in ('make ', 'ros2 ') if line.startswith(word)]
                assert not known or not list(checks.problems(line)), line


def test_compose_starts_what_exists():
    services = yaml.safe_load((ROOT / 'docker' / 'compose.yaml').read_text())['services']
    assert services.keys() == {'depth', 'camera'}
    for service in services.values():
        assert not list(checks.problems(service['command']))
        profile = service['environment']['FASTDDS_DEFAULT_PROFILES_FILE']
        assert profile.endswith('/share/zoedepth_ros/config/fastdds.xml')
        assert service['init']
        assert service['environment']['TINI_KILL_PROCESS_GROUP'] == 1


def test_the_image_builds_on_an_official_one_and_copies_what_is_there():
    text = (ROOT / 'docker' / 'Dockerfile').read_text()
    assert re.search(r'^FROM ros:\$\{ROS_DISTRO\}-ros-base$', text, re.M)
    assert 'STOPSIGNAL SIGINT\n' in text  # the only one on which ros2 launch ends its nodes
    for line in re.findall(r'^COPY (.+)$', text, re.M):
        assert all((ROOT / name).exists() for name in shlex.split(line)[:-1])
