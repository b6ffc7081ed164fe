"""The two doors, colcon and pip, say the same; the set-up script explains what is missing."""

import importlib.util
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def bootstrap(monkeypatch):
    spec = importlib.util.spec_from_file_location('bootstrap', ROOT / 'scripts/bootstrap.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.delenv('AMENT_PREFIX_PATH', raising=False)
    return module


def test_package_xml_and_setup_py_carry_one_version():
    package_version = ElementTree.parse(ROOT / 'package.xml').findtext('version')
    setup_version = re.search(r"version='([^']+)'", (ROOT / 'setup.py').read_text()).group(1)
    assert setup_version == package_version


def test_the_changelog_knows_the_version():
    package_version = ElementTree.parse(ROOT / 'package.xml').findtext('version')
    assert re.search(
        rf'^{re.escape(package_version)} ', (ROOT / 'CHANGELOG.rst').read_text(), re.M
    )


def test_every_requirement_is_pinned_in_the_constraints():
    def names(path):
        lines = (ROOT / path).read_text().lower().replace('_', '-').splitlines()
        return {re.match(r'[a-z0-9-]+', line).group(0) for line in lines if line[:1].isalnum()}

    assert names('requirements.txt') - names('constraints.txt') == set()


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


def test_a_missing_tool_is_named_with_its_package(bootstrap, monkeypatch):
    monkeypatch.setattr(bootstrap.shutil, 'which', lambda tool: None if tool == 'cmake' else tool)
    with pytest.raises(bootstrap.SetupError, match='cmake not found.*apt install cmake'):
        bootstrap.check_tools()


def test_a_python_that_is_too_old_is_refused(bootstrap, monkeypatch):
    monkeypatch.setattr(sys, 'version_info', (3, 9, 0))
    with pytest.raises(bootstrap.SetupError, match='3.10 to 3.14'):
        bootstrap.check_tools()


def test_a_sourced_distribution_brings_ros_numpy_and_opencv_itself(bootstrap, monkeypatch):
    everything, _ = bootstrap.wanted_requirements()
    assert any(line.startswith('ros-rclpy') for line in everything)
    monkeypatch.setenv('ROS_DISTRO', 'jazzy')
    monkeypatch.setenv('AMENT_PREFIX_PATH', '/opt/ros/jazzy')
    monkeypatch.setattr(bootstrap, 'system_has', lambda module: module in ('numpy', 'cv2'))
    requirements, constraints = bootstrap.wanted_requirements()
    chosen = ' '.join([*requirements, *constraints])
    assert 'ros-rclpy' not in ' '.join(requirements)
    assert 'numpy' not in chosen
    assert 'opencv' not in chosen
    assert 'timm==' in chosen
