"""The message definitions: SI units, constants, descriptions; their changes are announced."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FILES = sorted((Path(__file__).parents[1] / 'msg').glob('*.msg'))
_FIELD = re.compile(r'^(?P<type>[\w/]+(\[\])?) (?P<name>[a-z]\w*)$')
_OTHER_UNITS = re.compile(r'_(ms|us|ns|mb|kb|gb|mm|cm|deg|degrees|khz)(_|$)')


def fields(path):
    """Give (type, name, the comment above it or above its group)."""
    comment, found = '', []
    for line in path.read_text().splitlines():
        if line.startswith('#'):
            comment = f'{comment} {line[1:].strip()}'
        elif not line.strip():
            comment = ''
        elif (match := _FIELD.match(line)) is not None:
            found.append((match['type'], match['name'], comment))
        else:
            assert '=' in line, f'{path.name}: {line!r} is neither a field nor a constant'
            comment = ''
    return found


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.name)
def test_every_field_is_described_and_in_si_units(path):
    assert fields(path)
    for _, name, comment in fields(path):
        assert comment.strip(), f'{path.name}: {name} has no comment'
        assert not _OTHER_UNITS.search(name), f'{path.name}: {name} is not in an SI unit'
        assert not re.search(r'\[(ms|MB|mm|deg)\]', comment), f'{path.name}: {name}: {comment}'


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.name)
def test_a_state_is_a_number_with_constants(path):
    for kind, name, _ in fields(path):
        if name.endswith('state'):
            prefix = 'SCALE_' if name == 'scale_state' else f'{name.upper()}_'
            values = re.findall(rf'^{kind} {prefix}\w+=(\d+)$', path.read_text(), re.MULTILINE)
            assert kind == 'uint8'
            assert [int(value) for value in values] == list(range(len(values)))
            assert len(values) > 2


SCRIPT = Path(__file__).resolve().parents[1] / 'scripts' / 'check_messages.py'
PULSE = '# A comment.\nuint8 FAST=1\nuint8 rate  # [Hz]\n\nfloat32[] parts\n'


@pytest.fixture
def repository(tmp_path):
    """A repository with one message and a changelog, in one commit."""
    for folder in ('msg', 'scripts'):
        (tmp_path / folder).mkdir()
    shutil.copy(SCRIPT, tmp_path / 'scripts')
    (tmp_path / 'msg' / 'Pulse.msg').write_text(PULSE)
    (tmp_path / 'CHANGELOG.rst').write_text('Pulse.rate, Pulse.parts were there before.\n')
    for command in (
        ['init', '-q'],
        ['add', '.'],
        ['-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-qm', 'first'],
    ):
        subprocess.run(['git', '-C', tmp_path, *command], check=True)
    return tmp_path


def check(repository, base='HEAD'):
    command = [sys.executable, repository / 'scripts' / 'check_messages.py', base]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize(
    ('text', 'gone', 'new'),
    [
        (PULSE.replace('rate', 'speed'), 'rate', 'speed'),
        (PULSE.replace('uint8 rate', 'uint16 rate'), 'rate', None),
        (PULSE.replace('float32[]', 'float32'), 'parts', None),
        (PULSE.replace('FAST=1', 'FAST=2'), 'FAST', None),
        (PULSE + 'bool late', None, 'late'),
        ('float32[] parts\nuint8 FAST=1\nuint8 rate', None, None),
    ],
    ids=['renamed', 'type', 'array', 'constant', 'added', 'order'],
)
def test_a_changed_field_needs_a_new_line_that_names_it(repository, text, gone, new):
    expected = {'msg/: Pulse changed'}
    expected |= {f'msg/: Pulse.{gone} was removed or changed'} if gone else set()
    expected |= {f'msg/: Pulse.{new} is new'} if new else set()
    (repository / 'msg' / 'Pulse.msg').write_text(text)
    code, lines = check(repository)
    assert code == 1
    assert {line.split(' since ')[0] for line in lines} == expected
    with (repository / 'CHANGELOG.rst').open('a') as stream:
        stream.write('* Pulse: rate, speed, parts, late, FAST.\n')
    assert check(repository) == (0, [])


def test_a_new_or_removed_message_is_named(repository):
    (repository / 'msg' / 'Pulse.msg').rename(repository / 'msg' / 'Beat.msg')
    _, lines = check(repository)
    assert [line.split(' since ')[0] for line in lines] == [
        'msg/: Beat changed', 'msg/: Pulse changed',
    ]  # fmt: skip


def test_comments_and_new_constants_need_no_line(repository):
    text = '# Another comment.\n' + PULSE.replace('[Hz]', '[1/s]') + 'uint8 SLOW=0\n'
    (repository / 'msg' / 'Pulse.msg').write_text(text)
    assert check(repository) == (0, [])


def test_an_unknown_commit_is_an_error(repository):
    assert check(repository, 'nowhere')[0] == 1
