"""The command line: help without heavy imports, errors in one line, exit codes."""

import logging
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from zoedepth_ros.cli import main as main_module
from zoedepth_ros.cli.main import COMMANDS, main, version
from zoedepth_ros.environment import thread_environment
from zoedepth_ros.inference.result import DeviceLost

RUN = 'import sys; from zoedepth_ros.cli.main import main; sys.exit(main'


def run_python(code):
    return subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=False, timeout=240
    )


@pytest.mark.parametrize('arguments', [['--help'], ['--version'], ['predict', '--help']])
def test_help_loads_no_large_library(arguments):
    done = run_python(
        'import sys\n'
        'from zoedepth_ros.cli.main import main\n'
        f'try: main({arguments!r})\n'
        'except SystemExit as leaving: assert not leaving.code\n'
        'print({"torch", "numpy", "cv2", "timm", "rclpy", "transformers"} & set(sys.modules))'
    )
    assert done.stdout.splitlines()[-1] == 'set()', done.stderr


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as leaving:
        main(['--help'])
    assert leaving.value.code == 0
    text = capsys.readouterr().out
    assert all(re.search(rf'\n    {name}\s', text) for name in COMMANDS)


@pytest.mark.parametrize('name', COMMANDS)
def test_every_command_has_its_own_help(name, capsys):
    with pytest.raises(SystemExit) as leaving:
        main([name, '--help'])
    assert leaving.value.code == 0
    assert f'usage: zoedepth {name}' in capsys.readouterr().out


@pytest.mark.parametrize('empty', [('--out', ''), ('--out=',), ('',)])
def test_an_empty_argument_does_not_mean_the_working_folder(empty, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'photo.png').write_bytes(b'')
    assert main(['predict', 'photo.png', *empty]) == 2
    assert capsys.readouterr().err.startswith(
        'zoedepth: error: an argument is empty (is a shell variable not set?): '
        'zoedepth predict photo.png '
    )


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit):
        main(['--version'])
    assert capsys.readouterr().out == f'zoedepth {version()}\n'
    assert version()[0].isdigit()


@pytest.fixture
def nobody(monkeypatch):
    """Be a user without an entry in passwd, as in `docker run --user 1234`."""

    def unknown(_):
        raise KeyError('uid not found')

    monkeypatch.setattr('pwd.getpwuid', unknown)
    for name in ('HOME', 'LNAME', 'LOGNAME', 'USER', 'USERNAME', 'XDG_CACHE_HOME'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv('ZOEDEPTH_HOME', raising=False)


def test_a_user_without_a_name_gets_one_as_torch_needs_it(nobody):
    assert thread_environment({})['USER'].isdigit()


def test_a_user_without_a_home_folder_is_told_what_to_set(nobody, capsys):
    assert main(['models']) == 2
    assert 'set HOME or ZOEDEPTH_HOME' in capsys.readouterr().err


def test_a_path_of_an_unknown_user_is_named(capsys):
    assert main(['predict', '~no_such_user/photo.jpg']) == 2
    assert '~no_such_user/photo.jpg' in capsys.readouterr().err


def run_command_that(monkeypatch, action):
    """Run the command line with a fake subcommand."""
    command = SimpleNamespace(HELP='fake', add_arguments=lambda parser: None, run=action)
    monkeypatch.setattr(main_module.importlib, 'import_module', lambda name: command)
    return main(['models'])


def raising(error):
    def action(args):
        raise error

    return action


@pytest.mark.parametrize(
    ('error', 'code', 'message'),
    [
        (ValueError('the value is odd'), 2, 'the value is odd'),
        (OSError('the value is odd'), 2, 'the value is odd'),
        (DeviceLost('cuda:0: CUDA error: gone'), 1, 'cuda:0: CUDA error: gone'),
        (
            ModuleNotFoundError("No module named 'timm'", name='timm'),
            2,
            "No module named 'timm': the command needs this package (pip install timm)",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_expected_error_is_a_message_and_an_exit_code(
    monkeypatch, capsys, error, code, message
):
    assert run_command_that(monkeypatch, raising(error)) == code
    assert capsys.readouterr().err == f'zoedepth: error: {message}\n'


@pytest.mark.parametrize(
    'error',
    [
        ModuleNotFoundError('x', name='zoedepth_ros.nothing'),
        TypeError('a bug'),
        RuntimeError('a bug'),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_unexpected_error_is_not_hidden(monkeypatch, error):
    with pytest.raises(type(error)):
        run_command_that(monkeypatch, raising(error))


def test_ctrl_c_has_no_traceback(monkeypatch):
    assert run_command_that(monkeypatch, raising(KeyboardInterrupt())) == 130


def test_the_log_of_the_package_is_printed_only_during_the_command(monkeypatch, capsys):
    logger = logging.getLogger('zoedepth_ros.weights.fetch')
    run_command_that(monkeypatch, lambda args: logger.info('fetching') or 0)
    assert capsys.readouterr().err == 'fetching\n'
    logger.info('later')
    assert capsys.readouterr().err == ''


def test_the_exit_code_of_the_command_is_returned(monkeypatch):
    assert run_command_that(monkeypatch, lambda args: 1) == 1
    assert run_command_that(monkeypatch, lambda args: 0) == 0


@pytest.mark.parametrize('arguments', [[], ['nonsense'], ['predict']])
def test_wrong_usage_is_exit_code_2_with_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    assert leaving.value.code == 2
    assert 'usage: zoedepth' in capsys.readouterr().err


def test_a_closed_pipe_has_no_traceback():
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, '-c', f'{RUN}(["models"]))'],
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
            timeout=240,
        )
    finally:
        os.close(writer)
    assert done.returncode == 1
    assert done.stderr == b''
