"""Installation by CMake: the messages alone, and the whole package, also as on Lyrical."""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ('CMakeLists.txt', 'package.xml', 'msg', 'config', 'launch', 'scripts', 'zoedepth_ros')
PREFIXES = [Path(p) for p in os.environ.get('AMENT_PREFIX_PATH', sys.prefix).split(os.pathsep)]
MACROS = next(
    (p for p in (prefix / 'share/ament_cmake_python/cmake' for prefix in PREFIXES) if p.exists()),
    None,
)
AS_LYRICAL = """
macro(ament_python_install_package)
  _ament_cmake_python_register_environment_hook()
  set_property(GLOBAL PROPERTY deferred_install "${ARGN}")
  ament_register_extension(ament_package ament_cmake_python deferred_install.cmake)
endmacro()
"""
DEFERRED = """
get_property(arguments GLOBAL PROPERTY deferred_install)
_ament_cmake_python_install_package(${arguments})
"""

pytestmark = [
    pytest.mark.skipif(MACROS is None, reason='no ament_cmake_python here: built without ROS 2'),
    pytest.mark.skipif(shutil.which('cmake') is None, reason='needs cmake'),
    pytest.mark.timeout(1800),
]


class Tree:
    """One build tree, configured several times; the messages are compiled once."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.build = folder, folder / 'build'
        for name in SOURCES:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, folder / name)
        macros = shutil.copytree(MACROS, folder / 'macros')
        if not (macros / 'ament_python_install_registered_packages.cmake').exists():
            with (macros / 'ament_python_install_package.cmake').open('a') as file:
                file.write(AS_LYRICAL)
            (macros / 'deferred_install.cmake').write_text(DEFERRED)

    def install(self, name: str, *options: str) -> Path:
        """Configure, build and install; returns the folder of Python packages."""
        prefix = self._folder / name
        prefixes = [str(path) for path in PREFIXES]
        configure = [
            *('cmake', '-S', self._folder, '-B', self.build, f'-DCMAKE_INSTALL_PREFIX={prefix}'),
            f'-DCMAKE_PREFIX_PATH={";".join(prefixes)}',
            f'-DPython3_EXECUTABLE={sys.executable}',
            *('-DPython3_FIND_VIRTUALENV=ONLY', '-DBUILD_TESTING=OFF', *options),
            f'-Dament_cmake_python_DIR={self._folder / "macros"}',
        ]
        environment = os.environ | {
            'AMENT_PREFIX_PATH': os.pathsep.join(prefixes),
            'PATH': f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}',
        }
        build_now = ['cmake', '--build', self.build, '--target', 'install', '-j', '2']
        for command in (configure, build_now):
            run = subprocess.run(command, env=environment, capture_output=True, text=True)
            assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
        [package] = prefix.glob('lib/python*/*-packages/zoedepth_ros')
        return package.parent


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    return Tree(tmp_path_factory.mktemp('cmake'))


def test_the_messages_alone_are_usable_without_torch_and_install_no_node(tree):
    packages = tree.install('messages', '-DZOEDEPTH_ROS_MESSAGES_ONLY=ON')
    prefix = packages.parents[2]
    assert [p.name for p in (packages / 'zoedepth_ros').glob('*.py')] == ['__init__.py']
    assert not (packages / 'zoedepth_ros' / 'geometry').exists()
    assert not (prefix / 'lib' / 'zoedepth_ros').exists()
    assert not (prefix / 'bin').exists()
    assert not (prefix / 'share' / 'zoedepth_ros' / 'launch').exists()
    program = (
        "import sys; sys.modules['torch'] = None; from zoedepth_ros import msg; "
        'from rclpy.serialization import serialize_message as write, deserialize_message as read; '
        "read(write(msg.Domain(head='indoor')), msg.Domain); print(msg.__file__)"
    )
    environment = os.environ | {
        'PYTHONPATH': f'{packages}{os.pathsep}{os.environ.get("PYTHONPATH", "")}',
        'LD_LIBRARY_PATH': f'{prefix / "lib"}{os.pathsep}{os.environ.get("LD_LIBRARY_PATH", "")}',
    }
    run = subprocess.run(
        [sys.executable, '-c', program],
        env=environment,
        capture_output=True,
        text=True,
        cwd=prefix,
    )
    assert run.returncode == 0, run.stderr
    assert Path(run.stdout.strip()).is_relative_to(prefix)


def test_the_init_of_the_package_replaces_the_empty_one_of_lyrical(tree):
    packages = tree.install('package', '-DZOEDEPTH_ROS_MESSAGES_ONLY=OFF')
    installed = packages / 'zoedepth_ros'
    own = (ROOT / 'zoedepth_ros' / '__init__.py').read_text()
    assert own
    assert (installed / '__init__.py').read_text() == own
    assert (installed / 'msg' / '__init__.py').read_text()
    assert ctypes.CDLL(installed / 'geometry' / 'libzoedepth_kernels.so').zoedepth_pack_points
    entry = packages.parents[2] / 'lib' / 'zoedepth_ros' / 'depth_node'
    assert entry.read_text().splitlines()[0] == f'#!{sys.executable}'


def test_executables_run_where_symlink_install_links_to_them(tree):
    tree.install('package', '-DZOEDEPTH_ROS_MESSAGES_ONLY=OFF')
    linked = sorted((tree.build / 'bin').iterdir())
    assert [path.name for path in linked] == [
        *('depth_node', 'image_source', 'stream_recorder', 'zoedepth')
    ]
    assert all(os.access(path, os.X_OK) for path in linked)
