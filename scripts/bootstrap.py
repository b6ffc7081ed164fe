"""Set up .venv and build the package into it: everything `make demo` and `make test` need.

Runs on the bare Python of the machine (standard library only) and does each step once: a second
run finds the marks of the first and ends within a second. Where a ROS 2 distribution is sourced,
the environment sees its packages and the ROS wheels are not installed.
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
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / '.venv'
PYTHON = VENV / 'bin' / 'python'
BUILD = ROOT / 'build'
OLDEST, NEWEST = (3, 10), (3, 14)
TOOLS = {'cmake': 'cmake', 'g++': 'g++', 'make': 'make'}  # command -> Debian package
BUILD_INPUTS = ('CMakeLists.txt', 'package.xml', 'msg', 'scripts/entry_point.py.in')
INSTALL_INPUTS = ('zoedepth_ros', 'launch', 'config')


class SetupError(Exception):
    """A reason, meant for people, why the set-up cannot go on."""


def main() -> int:
    try:
        check_tools()
        with one_at_a_time():
            make_environment()
            install_requirements()
            build_package()
    except SetupError as error:
        print(f'setup: error: {error}', file=sys.stderr)
        return 1
    return 0


def say(text: str) -> None:
    print(f'setup: {text}', flush=True)


def run(command: list[str | Path], log_name: str, env: dict[str, str] | None = None) -> None:
    """Run a step quietly; its output goes to build/log, whose end is shown when it fails."""
    log = BUILD / 'log' / f'{log_name}.log'
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open('w') as stream:
        code = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, env=env).returncode
    if code:
        tail = '\n'.join(log.read_text(errors='replace').splitlines()[-25:])
        raise SetupError(f'{command[0]} failed (exit {code}); the end of {log}:\n{tail}')


@contextmanager
def one_at_a_time() -> Iterator[None]:
    BUILD.mkdir(exist_ok=True)
    with (BUILD / '.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def distribution() -> str:
    """Name of the sourced ROS 2 distribution, '' for none."""
    return os.environ.get('ROS_DISTRO', '') if os.environ.get('AMENT_PREFIX_PATH') else ''


def check_tools() -> None:
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        raise SetupError(
            f'Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]} is needed, this is '
            f'{sys.version.split()[0]}; choose another with `make PYTHON=python3.12 …`'
        )
    missing = {tool: package for tool, package in TOOLS.items() if not shutil.which(tool)}
    if missing:
        raise SetupError(
            f'{", ".join(missing)} not found; on Debian or Ubuntu: '
            f'apt install {" ".join(missing.values())}'
        )


def make_environment() -> None:
    kind = distribution() or 'wheels'
    mark = VENV / '.kind'
    if PYTHON.exists() and mark.exists():
        if mark.read_text() != kind:
            raise SetupError(
                f'.venv was made for "{mark.read_text()}" and this shell has "{kind}"; '
                'run `make clean` first'
            )
        return
    say(f'making .venv ({kind}, Python {sys.version.split()[0]})')
    options = ['--system-site-packages'] if distribution() else []
    try:
        run([sys.executable, '-m', 'venv', *options, VENV], 'venv')
    except SetupError as error:
        version = f'{sys.version_info[0]}.{sys.version_info[1]}'
        raise SetupError(
            f'{error}\non Debian or Ubuntu: apt install python{version}-venv'
        ) from None
    mark.write_text(kind)


def install_requirements() -> None:
    requirements, constraints = wanted_requirements()
    mark = VENV / '.requirements'
    state = digest('\n'.join([*requirements, *constraints]).encode())
    if mark.exists() and mark.read_text() == state:
        return
    say(f'installing {len(requirements)} packages and what they need (about 6 GB, some minutes)')
    started = time.monotonic()
    chosen = BUILD / 'requirements.txt', BUILD / 'constraints.txt'
    for path, lines in zip(chosen, (requirements, constraints), strict=True):
        path.write_text('\n'.join(lines) + '\n')
    pip: list[str | Path] = [PYTHON, '-m', 'pip', '--disable-pip-version-check', 'install']
    run([*pip, '-r', chosen[0], '-c', chosen[1]], 'pip')
    if not distribution():
        mend_wheel_paths()
    mark.write_text(state)
    say(f'installed in {time.monotonic() - started:.0f} s')


def wanted_requirements() -> tuple[list[str], list[str]]:
    """Read requirements and constraints, without what a sourced distribution brings."""
    section, requirements = '', []
    for line in (ROOT / 'requirements.txt').read_text().splitlines():
        if match := re.match(r'# \[(\w+)\]', line):
            section = match.group(1)
        elif line and not line.startswith('#') and not (section == 'ros' and distribution()):
            requirements.append(line)
    constraints = (ROOT / 'constraints.txt').read_text().splitlines()
    if not distribution():
        return requirements, constraints
    # cv_bridge of a distribution is compiled against its own numpy and OpenCV: keep those.
    system = {name for name, module in SYSTEM_MODULES.items() if system_has(module)}
    keep = re.compile(r'[A-Za-z0-9_.-]+')

    def is_ours(line: str) -> bool:
        match = keep.match(line)
        return match is None or match.group(0) not in system

    return [r for r in requirements if is_ours(r)], [c for c in constraints if is_ours(c)]


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


def mend_wheel_paths() -> None:
    """Point the CMake files of the ROS wheels at this machine's headers.

    They carry the include folders of the machine that built them, and CMake refuses imported
    targets whose include folders do not exist.
    """
    paths = json.loads(
        subprocess.check_output(
            [
                PYTHON,
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
    for path in (VENV / 'share').glob('*/cmake/*Export*.cmake'):
        text = path.read_text()
        mended = re.sub(r'/opt/python/cp\d+-cp\d+t?/include/python[\d.]+', python_include, text)
        mended = re.sub(
            r'/opt/python/cp\d+-cp\d+t?/lib/python[\d.]+/site-packages/numpy/_?core/include',
            numpy_include,
            mended,
        )
        if mended != text:
            path.write_text(mended)


def build_package() -> None:
    """Build the messages, then install the package into the environment's own prefix."""
    # A stamp of everything CMake reads; the sources it only copies have one of their own.
    built = f'{digest_of(BUILD_INPUTS)} {(VENV / ".requirements").read_text()}'
    installed = f'{built} {digest_of(INSTALL_INPUTS)}'
    build_mark, install_mark = VENV / '.built', VENV / '.installed'
    folder = BUILD / 'package'
    if install_mark.exists() and install_mark.read_text() == installed and folder.exists():
        return
    env = os.environ | {'PATH': f'{VENV / "bin"}{os.pathsep}{os.environ["PATH"]}'}
    # CMake would take a Python of the shell's active environment before the one it is given.
    env.pop('PYTHONPATH', None) if not distribution() else None
    if not (build_mark.exists() and build_mark.read_text() == built and folder.exists()):
        say('building the messages of msg/ (about 20 s)')
        shutil.rmtree(folder, ignore_errors=True)
        prefixes = [str(VENV), *os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)]
        configure: list[str | Path] = ['cmake', '-S', ROOT, '-B', folder]
        run(
            [
                *configure,
                f'-DCMAKE_INSTALL_PREFIX={VENV}',
                f'-DCMAKE_PREFIX_PATH={";".join(p for p in prefixes if p)}',
                f'-DPython3_EXECUTABLE={PYTHON}',
                '-DPython3_FIND_VIRTUALENV=ONLY',
                '-DCMAKE_BUILD_TYPE=Release',
                '-DBUILD_TESTING=OFF',
            ],
            'configure',
            env,
        )
        run(['cmake', '--build', folder, '-j', str(os.cpu_count() or 1)], 'build', env)
        build_mark.write_text(built)
    remove_installed_sources()
    run(['cmake', '--install', folder], 'install', env)
    install_mark.write_text(installed)
    say('package installed into .venv')


def remove_installed_sources() -> None:
    """Remove what an earlier run installed, so that a file deleted here is gone there too."""
    manifest = BUILD / 'package' / 'install_manifest.txt'
    if not manifest.exists():
        return
    for line in manifest.read_text().splitlines():
        path = Path(line)
        if path.is_relative_to(VENV):
            path.unlink(missing_ok=True)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


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
    sys.exit(main())
