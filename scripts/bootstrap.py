"""Make an environment with the package: everything `make demo` and `make test` need.

Needs only the standard library and repeats no step. If a ROS 2 distribution is sourced, the
environment uses its packages. Otherwise ROS 2 is installed as wheels of the distribution in the
variable ROS; each distribution has its own environment and build folder.
With --environment the script only prints the folder of the environment.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WHEELS = ('jazzy', 'kilted')  # the distributions that exist as wheels; the first is the default
OLDEST, NEWEST = (3, 10), (3, 14)
TOOLS = {'cmake': 'cmake', 'g++': 'g++', 'make': 'make'}  # command -> Debian package
BUILD_INPUTS = (
    *('CMakeLists.txt', 'package.xml', 'msg', 'scripts/entry_point.py.in'),
    'zoedepth_ros/geometry/kernels.c',
)
INSTALL_INPUTS = ('zoedepth_ros', 'launch', 'config')


class SetupError(Exception):
    """The setup cannot continue; the message is for the user."""


@dataclass(frozen=True)
class Place:
    """Environment and build folder of a distribution."""

    ros: str
    sourced: bool
    venv: Path
    build: Path

    @property
    def python(self) -> Path:
        return self.venv / 'bin' / 'python'

    @property
    def kind(self) -> str:
        return self.ros if self.sourced else f'wheels of {self.ros}'


def main(arguments: list[str]) -> int:
    try:
        place = chosen_place(os.environ)
        if arguments == ['--environment']:
            print(place.venv.relative_to(ROOT))
            return 0
        check_tools()
        with one_at_a_time(place):
            make_environment(place)
            install_requirements(place)
            build_package(place)
    except (SetupError, OSError) as error:
        print(f'setup: error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('setup: stopped; the same command continues', file=sys.stderr)
        return 130
    return 0


def chosen_place(environ: Mapping[str, str]) -> Place:
    """Return the sourced distribution, or the one in the variable ROS.

    Raises SetupError if they differ or if the distribution has no wheels.
    """
    chosen = environ.get('ROS', '')
    sourced = environ.get('ROS_DISTRO', '') if environ.get('AMENT_PREFIX_PATH') else ''
    if sourced:
        if chosen not in ('', sourced):
            raise SetupError(
                f'ROS={chosen} requests the wheels of {chosen}, but ROS 2 {sourced} is sourced in '
                'this shell; omit ROS, or use a shell where nothing is sourced'
            )
        return Place(sourced, True, ROOT / '.venv', ROOT / 'build')
    if chosen not in ('', *WHEELS):
        raise SetupError(f'ROS must be {" or ".join(WHEELS)}, got {chosen!r}')
    if chosen in ('', WHEELS[0]):
        return Place(WHEELS[0], False, ROOT / '.venv', ROOT / 'build')
    return Place(chosen, False, ROOT / f'.venv-{chosen}', ROOT / 'build' / chosen)


def log(text: str) -> None:
    print(f'setup: {text}', flush=True)


def run(command: list[str | Path], log_file: Path, env: dict[str, str] | None = None) -> None:
    """Run a step; its output goes to a file, whose end is in the error."""
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open('w') as stream:
        code = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, env=env).returncode
    if code:
        tail = '\n'.join(log_file.read_text(errors='replace').splitlines()[-25:])
        raise SetupError(f'{command[0]} failed (exit {code}); the end of {log_file}:\n{tail}')


@contextmanager
def one_at_a_time(place: Place) -> Iterator[None]:
    place.build.mkdir(parents=True, exist_ok=True)
    with (place.build / '.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def check_tools() -> None:
    if re.search('[^!-~]|[:;]', str(ROOT)):
        raise SetupError(
            f'{ROOT}: ROS 2 needs a path of ASCII characters without blanks, colons and '
            'semicolons; move the repository to such a folder'
        )
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        raise SetupError(
            f'Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]} is required, this is '
            f'{sys.version.split()[0]}; select another with `make PYTHON=python3.12 …`'
        )
    missing = {tool: package for tool, package in TOOLS.items() if not shutil.which(tool)}
    if missing:
        raise SetupError(
            f'{", ".join(missing)} not found; on Debian or Ubuntu: '
            f'apt install {" ".join(missing.values())}'
        )


def make_environment(place: Place) -> None:
    mark = place.venv / '.ros'
    if place.python.exists():
        found = mark.read_text('utf-8') if mark.exists() else 'unknown'
        if found != place.kind:
            raise SetupError(
                f'{place.venv.name} was made for "{found}", but "{place.kind}" is '
                'required now; run `make clean` first'
            )
        return
    log(f'making {place.venv.name} ({place.kind}, Python {sys.version.split()[0]})')
    options = ['--system-site-packages'] if place.sourced else []
    try:
        run([sys.executable, '-m', 'venv', *options, place.venv], place.build / 'log' / 'venv.log')
    except BaseException as error:
        shutil.rmtree(place.venv, ignore_errors=True)  # half of it would be refused
        if not isinstance(error, SetupError):
            raise
        version = f'{sys.version_info[0]}.{sys.version_info[1]}'
        raise SetupError(
            f'{error}\non Debian or Ubuntu: apt install python{version}-venv'
        ) from None
    mark.write_text(place.kind)


def install_requirements(place: Place) -> None:
    requirements, constraints = wanted_requirements(place)
    mark = place.venv / '.requirements'
    state = hashlib.sha256('\n'.join([*requirements, *constraints]).encode()).hexdigest()[:16]
    if mark.exists() and mark.read_text('utf-8') == state:
        return
    log(f'installing {len(requirements)} packages and their dependencies (6 GB, some minutes)')
    started = time.monotonic()
    chosen = place.build / 'requirements.txt', place.build / 'constraints.txt'
    for path, lines in zip(chosen, (requirements, constraints), strict=True):
        path.write_text('\n'.join(lines) + '\n')
    pip: list[str | Path] = [place.python, '-m', 'pip', '--disable-pip-version-check', 'install']
    run([*pip, '-r', chosen[0], '-c', chosen[1]], place.build / 'log' / 'pip.log')
    if not place.sourced:
        fix_wheel_paths(place)
    mark.write_text(state)
    log(f'installed in {time.monotonic() - started:.0f} s')


def wanted_requirements(place: Place) -> tuple[list[str], list[str]]:
    """Return requirements and constraints, without packages of a sourced distribution."""
    requirements = lines_for(place, ROOT / 'requirements.txt')
    constraints = lines_for(place, ROOT / 'constraints.txt')
    if not place.sourced:
        return requirements, constraints
    # cv_bridge is compiled against numpy and OpenCV of the distribution: keep those.
    system = {name for name, module in SYSTEM_MODULES.items() if system_has(module)}
    requirements, constraints = (
        [line for line in lines if re.split(r'[^A-Za-z0-9_.-]', line)[0] not in system]
        for lines in (requirements, constraints)
    )
    return requirements, constraints


def lines_for(place: Place, path: Path) -> list[str]:
    """Return the lines of all sections except the wheels of other distributions."""
    section, lines = '', []
    for line in path.read_text('utf-8').splitlines():
        if match := re.match(r'# \[([\w-]+)\]', line):
            section = match.group(1)
        elif line and not line.startswith('#'):
            wheels = section.startswith('ros-')
            if not wheels or (section == f'ros-{place.ros}' and not place.sourced):
                lines.append(line)
    return lines


SYSTEM_MODULES = {
    'numpy': 'numpy',
    'opencv-python-headless': 'cv2',
    'pyyaml': 'yaml',
    'setuptools': 'setuptools',
    'empy': 'em',
    'lark-parser': 'lark',
    'catkin-pkg': 'catkin_pkg',
}


def system_has(module: str) -> bool:
    check = subprocess.run([sys.executable, '-c', f'import {module}'], capture_output=True)
    return check.returncode == 0


def fix_wheel_paths(place: Place) -> None:
    """Set the include folders in the CMake files of the ROS wheels to those of this machine.

    They contain those of the build machine, and CMake rejects nonexistent include folders.
    """
    paths = json.loads(
        subprocess.check_output(
            [
                place.python,
                '-c',
                'import json, sysconfig, numpy; '
                "print(json.dumps([sysconfig.get_path('include'), numpy.get_include()]))",
            ]
        )
    )
    python_include, numpy_include = paths
    if not (Path(python_include) / 'Python.h').exists():
        version = f'{sys.version_info[0]}.{sys.version_info[1]}'
        raise SetupError(
            f'{python_include}/Python.h not found; on Debian or Ubuntu: '
            f'apt install python{version}-dev'
        )
    for path in (place.venv / 'share').glob('*/cmake/*Export*.cmake'):
        text = path.read_text('utf-8')
        fixed = re.sub(r'/opt/python/cp\d+-cp\d+t?/include/python[\d.]+', python_include, text)
        fixed = re.sub(
            r'/opt/python/cp\d+-cp\d+t?/lib/python[\d.]+/site-packages/numpy/_?core/include',
            numpy_include,
            fixed,
        )
        if fixed != text:
            path.write_text(fixed)


def build_package(place: Place) -> None:
    """Build the messages, then install the package into the environment."""
    # One digest for the files that CMake reads, another for the sources that it only copies.
    built = (
        f'{digest_of(BUILD_INPUTS)} {(place.venv / ".requirements").read_text(encoding="utf-8")}'
    )
    installed = f'{built} {digest_of(INSTALL_INPUTS)}'
    build_mark, install_mark = place.venv / '.built', place.venv / '.installed'
    folder, logs = place.build / 'package', place.build / 'log'
    if install_mark.exists() and install_mark.read_text('utf-8') == installed and folder.exists():
        return
    env = os.environ | {'PATH': f'{place.venv / "bin"}{os.pathsep}{os.environ["PATH"]}'}
    # CMake would prefer the Python of an active environment to the given one.
    if not place.sourced:
        env.pop('PYTHONPATH', None)
    if not (build_mark.exists() and build_mark.read_text('utf-8') == built and folder.exists()):
        log('building the messages of msg/ (about 20 s)')
        shutil.rmtree(folder, ignore_errors=True)
        prefixes = [str(place.venv), *os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)]
        configure: list[str | Path] = ['cmake', '-S', ROOT, '-B', folder]
        run(
            [
                *configure,
                f'-DCMAKE_INSTALL_PREFIX={place.venv}',
                f'-DCMAKE_PREFIX_PATH={";".join(p for p in prefixes if p)}',
                f'-DPython3_EXECUTABLE={place.python}',
                '-DPython3_FIND_VIRTUALENV=ONLY',
                '-DCMAKE_BUILD_TYPE=Release',
                '-DBUILD_TESTING=OFF',
            ],
            logs / 'configure.log',
            env,
        )
        run(['cmake', '--build', folder, '-j', str(os.cpu_count() or 1)], logs / 'build.log', env)
        build_mark.write_text(built)
    remove_installed_sources(place)
    run(['cmake', '--install', folder], logs / 'install.log', env)
    install_mark.write_text(installed)
    log(f'package installed into {place.venv.name}')


def remove_installed_sources(place: Place) -> None:
    """Remove the files of an earlier run, so that deleted sources are not kept."""
    manifest = place.build / 'package' / 'install_manifest.txt'
    if not manifest.exists():
        return
    for line in manifest.read_text('utf-8').splitlines():
        path = Path(line)
        if path.is_relative_to(place.venv):
            path.unlink(missing_ok=True)


def digest_of(names: Iterable[str]) -> str:
    state = hashlib.sha256()
    for name in names:
        path = ROOT / name
        files = sorted(path.rglob('*')) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and '__pycache__' not in file.parts:
                state.update(str(file.relative_to(ROOT)).encode() + b'\0' + file.read_bytes())
    return state.hexdigest()[:16]


if __name__ == '__main__':
    sys.stdout.reconfigure(errors='backslashreplace')  # characters the terminal lacks
    sys.exit(main(sys.argv[1:]))
