"""colcon and pip agree; the setup script reports what is missing."""

import dataclasses
import importlib.metadata
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import bootstrap
import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_package_xml_and_setup_py_have_the_same_version():
    package_version = ElementTree.parse(ROOT / 'package.xml').findtext('version')
    setup_version = re.search(r"version='([^']+)'", (ROOT / 'setup.py').read_text()).group(1)
    assert setup_version == package_version


def test_catkin_reads_the_changelog_and_its_newest_release_is_the_version():
    changelog = pytest.importorskip('catkin_pkg.changelog')
    content = changelog.get_changelog_from_path(str(ROOT), 'zoedepth_ros')
    package_version = ElementTree.parse(ROOT / 'package.xml').findtext('version')
    released = [version for version, _, _ in content.foreach_version()]
    # catkin_prepare_release turns this heading into the version; it must be the first one
    forthcoming = re.findall(r'^Forthcoming$', content.rst, re.M)
    assert forthcoming or released
    assert released[:1] in ([package_version], [])
    if forthcoming:
        assert content.rst.index('Forthcoming') < min(
            [content.rst.index(f'\n{version} (') for version in released], default=len(content.rst)
        )
    # a heading that is neither is part of the one before it for catkin: no second kind exists
    headings = re.findall(r'^(\S.*)\n-+$', content.rst, re.M)
    assert len(headings) == len(released) + len(forthcoming)


def test_catkin_accepts_package_xml():
    package = pytest.importorskip('catkin_pkg.package')
    warnings: list[str] = []
    package.parse_package(str(ROOT / 'package.xml'), warnings=warnings).validate(warnings)
    assert warnings == []


# name for pip -> key of rosdep (rosdistro/rosdep/python.yaml)
ROSDEP_KEYS = {
    'torch': 'python3-pytorch-pip',
    'torchvision': 'python3-pytorch-pip',
    'timm': 'python3-timm-pip',
    'numpy': 'python3-numpy',
    'opencv-python-headless': 'python3-opencv',
    'safetensors': 'python3-timm-pip',  # has no key of its own: timm requires it
    'huggingface-hub': 'python3-huggingface-hub-pip',
    'filelock': 'python3-filelock',
    'pillow': 'python3-pil',
    'pyyaml': 'python3-yaml',
    'tqdm': 'python3-tqdm',
}


def names_for_pip(lines):
    lowered = (line.lower().replace('_', '-') for line in lines)
    return {re.match(r'[a-z0-9-]+', line).group(0) for line in lowered if line[:1].isalnum()}


def section(name):
    text = (ROOT / 'requirements.txt').read_text()
    return re.search(rf'^# \[{name}\]\n(.*?)(?=^# \[|\Z)', text, re.M | re.S).group(1).splitlines()


def test_pip_make_and_rosdep_name_the_same_dependencies():
    for_pip = names_for_pip((ROOT / 'dependencies.txt').read_text().splitlines())
    assert (
        "install_requires=[*dependencies(), 'opencv-python-headless>=4.5']"
        in (ROOT / 'setup.py').read_text()
    )
    for_pip.add('opencv-python-headless')
    assert names_for_pip(section('network')) == for_pip
    dependencies = ElementTree.parse(ROOT / 'package.xml').findall('exec_depend')
    keys = {e.text for e in dependencies if e.text.startswith('python3-')}
    assert keys == {ROSDEP_KEYS[name] for name in for_pip}


def test_timm_requires_safetensors_which_has_no_key_of_rosdep():
    requirements = importlib.metadata.requires('timm')
    assert 'safetensors' in names_for_pip(requirements)


def test_install_robot_skips_the_pip_keys_of_rosdep():
    dependencies = ElementTree.parse(ROOT / 'package.xml').findall('exec_depend')
    pip_keys = {e.text for e in dependencies if e.text.endswith('-pip')}
    pages = ('scripts/install_robot.sh', 'README.md', 'docs/robot.md', 'docker/Dockerfile')
    for page in pages:
        lines = [
            line for line in (ROOT / page).read_text().splitlines() if 'python3-timm-pip' in line
        ]
        assert lines, page
        for line in lines:
            assert set(re.findall(r'python3-[\w-]+-pip', line)) == pip_keys, f'{page}: {line}'


@pytest.mark.parametrize('ros', ['jazzy', 'kilted'])
def test_every_requirement_is_pinned_once_in_the_constraints(ros):
    def names(lines):
        return [re.match(r'[a-z0-9-]+', line.lower().replace('_', '-')).group() for line in lines]

    requirements, constraints = bootstrap.wanted_requirements(bootstrap.chosen_place({'ROS': ros}))
    assert set(names(requirements)) - set(names(constraints)) == set()
    everywhere = [line for line in constraints if ';' not in line]
    assert len(names(everywhere)) == len(set(names(everywhere)))


def test_each_distribution_has_wheels_environment_and_build_folder_of_its_own():
    # the versions of rclpy: https://index.ros.org/p/rclpy, Jazzy and Kilted
    for ros, rclpy in (('jazzy', 'ros-rclpy==7.1.6'), ('kilted', 'ros-rclpy==9.1.2')):
        _, constraints = bootstrap.wanted_requirements(bootstrap.chosen_place({'ROS': ros}))
        assert [line for line in constraints if line.startswith('ros-rclpy==')] == [rclpy]
    places = [bootstrap.chosen_place({'ROS': ros}) for ros in ('jazzy', 'kilted')]
    assert places[0].venv != places[1].venv
    assert places[0].build != places[1].build
    default = bootstrap.chosen_place({})
    assert default in places
    assert default.venv == ROOT / '.venv'


@pytest.mark.parametrize(
    ('environ', 'message'),
    [
        ({'ROS': 'humble'}, "ROS must be jazzy or kilted, got 'humble'"),
        (
            {'ROS': 'kilted', 'ROS_DISTRO': 'jazzy', 'AMENT_PREFIX_PATH': '/opt/ros/jazzy'},
            'ROS=kilted requests the wheels of kilted, but ROS 2 jazzy is sourced',
        ),
    ],
)
def test_an_unavailable_distribution_is_rejected(environ, message):
    with pytest.raises(bootstrap.SetupError, match=message):
        bootstrap.chosen_place(environ)


def test_an_environment_of_another_distribution_is_rejected(tmp_path):
    place = dataclasses.replace(bootstrap.chosen_place({}), venv=tmp_path)
    place.python.parent.mkdir()
    place.python.touch()
    (tmp_path / '.ros').write_text('humble')
    with pytest.raises(bootstrap.SetupError, match='was made for "humble".*make clean'):
        bootstrap.make_environment(place)


@pytest.mark.parametrize('reason', [bootstrap.SetupError('no ensurepip'), KeyboardInterrupt()])
def test_half_of_an_environment_is_removed(tmp_path, monkeypatch, reason):
    place = dataclasses.replace(bootstrap.chosen_place({}), venv=tmp_path / '.venv')

    def make_half(*_):
        place.python.parent.mkdir(parents=True)
        place.python.touch()
        raise reason

    monkeypatch.setattr(bootstrap, 'run', make_half)
    with pytest.raises(type(reason)):
        bootstrap.make_environment(place)
    assert not place.venv.exists()


@pytest.mark.parametrize(
    ('reason', 'code', 'text'),
    [
        (PermissionError(13, 'Permission denied', 'build'), 1, "error: .*denied: 'build'"),
        (KeyboardInterrupt(), 130, 'stopped'),
    ],
)
def test_a_setup_that_cannot_write_or_is_stopped_ends_without_a_traceback(
    monkeypatch, capsys, reason, code, text
):
    def fail():
        raise reason

    monkeypatch.setattr(bootstrap, 'check_tools', fail)
    assert bootstrap.main([]) == code
    assert re.search(f'^setup: {text}', capsys.readouterr().err)


def test_every_test_that_ci_names_exists():
    files = [ROOT / '.ci' / 'run', *(ROOT / '.github' / 'workflows').iterdir()]
    named = {path for file in files for path in re.findall(r'\btest/[\w/.]*\w', file.read_text())}
    assert 'test/navigation' in named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_executable_of_the_build_names_a_module_with_a_main():
    executables = re.findall(
        r'^install_executable\((\w+) ([\w.]+)\)', (ROOT / 'CMakeLists.txt').read_text(), re.M
    )
    assert dict(executables).keys() == {
        'depth_node',
        'image_source',
        'stream_recorder',
        'zoedepth',
    }
    for _, module in executables:
        source = ROOT / (module.replace('.', '/') + '.py')
        assert re.search(r'^def main\(', source.read_text(), re.M), source


def test_a_missing_tool_is_named_with_its_package(monkeypatch):
    monkeypatch.setattr(bootstrap.shutil, 'which', lambda tool: None if tool == 'cmake' else tool)
    with pytest.raises(bootstrap.SetupError, match='cmake not found.*apt install cmake'):
        bootstrap.check_tools()


@pytest.mark.parametrize('name', ['Jörg', 'a b', 'a:b', 'a;b'])
def test_a_folder_in_which_ros_cannot_be_built_is_rejected(monkeypatch, name):
    monkeypatch.setattr(bootstrap, 'ROOT', Path('/home') / name)
    with pytest.raises(bootstrap.SetupError, match=f'/home/{name}: ROS 2 needs a path of ASCII'):
        bootstrap.check_tools()


def test_an_old_python_is_rejected(monkeypatch):
    monkeypatch.setattr(sys, 'version_info', (3, 9, 0))
    with pytest.raises(bootstrap.SetupError, match='3.10 to 3.14'):
        bootstrap.check_tools()


def test_a_sourced_distribution_provides_ros_numpy_and_opencv(monkeypatch):
    everything, _ = bootstrap.wanted_requirements(bootstrap.chosen_place({}))
    assert any(line.startswith('ros-rclpy') for line in everything)
    sourced = {'ROS_DISTRO': 'jazzy', 'AMENT_PREFIX_PATH': '/opt/ros/jazzy'}
    monkeypatch.setattr(bootstrap, 'system_has', lambda module: module in ('numpy', 'cv2'))
    requirements, constraints = bootstrap.wanted_requirements(bootstrap.chosen_place(sourced))
    chosen = ' '.join([*requirements, *constraints])
    assert 'ros-rclpy' not in ' '.join(requirements)
    assert 'numpy' not in chosen
    assert 'opencv' not in chosen
    assert 'timm==' in chosen
