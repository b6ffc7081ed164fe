import os
import stat
import sys
from contextlib import suppress

import pytest

from zoedepth_ros.errors import in_one_line, quoted, shortened
from zoedepth_ros.files import open_locked, parse_json, parse_yaml, read_text, replacing

BOMB = 'a: &a [x, x, x, x, x, x, x, x, x]\n' + ''.join(
    f'{b}: &{b} [{", ".join(["*" + a] * 9)}]\n'
    for a, b in zip('abcdefgh', 'bcdefghi', strict=True)
)


def bomb() -> object:
    value: object = 'x'
    for _ in range(40):  # a repr of 2**40 characters
        value = [value, value]
    return value


HUGE = {  # made in the test: pytest would print them
    'text': lambda: 'x' * 10**6,
    'list': lambda: ['y' * 1000] * 1000,
    'bomb': bomb,
    'key': lambda: {'k' * 500: 1},
    'digits': lambda: 16**5000,
    'bytes': lambda: b'z' * 10**6,
}


@pytest.mark.parametrize('kind', HUGE)
def test_what_an_error_quotes_is_short_whatever_it_is(kind):
    text = quoted(HUGE[kind]())
    assert 3 < len(text) <= 200


def test_short_values_are_quoted_as_they_are():
    assert quoted('indoor') == "'indoor'"
    assert quoted([1, None]) == '[1, None]'


def test_a_long_error_loses_its_middle_and_its_lines():
    text = in_one_line(ValueError('begin\n' + 'word\n' * 10**6 + 'end'))
    assert text.startswith('begin word')
    assert text.endswith('end')
    assert len(text) <= 1000
    assert in_one_line(KeyError()) == 'KeyError()'
    assert shortened('abcdefgh', 5) == 'ab…gh'


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        (BOMB, r'line 2: aliases \(\*name\) are not taken'),
        ('[' * 20_000, 'line 1: nested too deep'),
        ('a: ' + '{b: ' * 60 + '}' * 60, 'line 1: nested too deep'),
        ('a: [1,\nb: 2', 'line 2: '),
        ('a: !!python/object/apply:os.system [x]', 'line 1: could not determine a constructor'),
        ('a: "\x00"', 'special characters are not allowed'),
        ('2001-99-99: 1', 'month'),
        ('? [a]\n: 1', 'line 1: found unhashable key'),
    ],
)
def test_yaml_that_is_no_plain_values_is_refused_with_the_line(text, reason):
    with pytest.raises(ValueError, match=reason) as found:
        parse_yaml(text)
    assert len(str(found.value)) < 300


def test_plain_yaml_and_json_are_read():
    assert parse_yaml('a: [1, 2.5, x]\nb: {c: null}') == {'a': [1, 2.5, 'x'], 'b': {'c': None}}
    assert parse_yaml('') is None
    assert parse_yaml('a: &x [1]\nb: *x', aliases=True) == {'a': [1], 'b': [1]}
    assert parse_json('{"a": [1]}') == {'a': [1]}
    with pytest.raises(ValueError, match='nested too deep'):
        parse_json('[' * 10 * sys.getrecursionlimit())


def test_text_is_read_up_to_a_limit(tmp_path):
    path = tmp_path / 'a.yaml'
    path.write_bytes(b'\xef\xbb\xbfa: 1')  # as editors on Windows write it
    assert read_text(path) == 'a: 1'
    with pytest.raises(ValueError, match='at most 3 bytes'):
        read_text(path, 3)
    path.write_bytes(b'a: \xff')
    with pytest.raises(ValueError, match='expected UTF-8, got 0xff'):
        read_text(path)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(ValueError, match='a device or a pipe'):
        read_text(tmp_path / 'pipe')
    with pytest.raises(OSError, match='pipe: expected a regular file'):
        open_locked(tmp_path / 'pipe')


def test_a_file_is_replaced_when_the_new_one_is_whole_and_no_link_is_followed(tmp_path):
    path, precious = tmp_path / 'a.txt', tmp_path / 'precious'
    precious.write_text('mine')
    path.symlink_to(precious)
    with replacing(path) as unfinished:
        assert unfinished.suffix == '.txt'
        unfinished.write_text('new')
        assert path.read_text() == 'mine'
    assert (path.read_text(), precious.read_text()) == ('new', 'mine')
    with suppress(RuntimeError), replacing(path) as unfinished:
        unfinished.write_text('half')
        raise RuntimeError
    assert path.read_text() == 'new'
    assert sorted(p.name for p in tmp_path.iterdir()) == ['a.txt', 'precious']
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_a_lock_keeps_others_out_until_the_file_is_closed(tmp_path):
    with open_locked(tmp_path / 'a'), pytest.raises(BlockingIOError):
        open_locked(tmp_path / 'a')
    open_locked(tmp_path / 'a').close()
