"""The message definitions: SI units, constants, descriptions."""

import re
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
