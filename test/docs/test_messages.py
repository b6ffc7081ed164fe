"""The messages that the pages quote are in the sources."""

import ast
import re

import pytest
from docs_pages import ROOT, prose

QUOTING = (
    'troubleshooting',
    'cameras',
    'offline',
)  # pages whose double quotes are messages of this package
VARIABLE = re.compile(r'\.\.\.|\d+(?:\.\d+)?|(?<= )/\w+')
PLACE = '\0'


def texts():
    """Give every text in the sources, with a place for what is formatted into it."""
    for folder in ('zoedepth_ros', 'launch', 'scripts'):
        for path in (ROOT / folder).rglob('*.py'):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value
                elif isinstance(node, ast.JoinedStr):
                    yield ''.join(
                        part.value if isinstance(part, ast.Constant) else PLACE
                        for part in node.values
                    )


@pytest.fixture(scope='module')
def sources():
    return [text.replace('\n', ' ') for text in texts()]


def in_sources(message, sources):
    """Tell whether a text of the sources becomes this message, or contains it.

    In the message, numbers, names of topics and ... stand for any text.
    """
    parts = '.*?'.join(re.escape(part) for part in VARIABLE.split(message))
    pattern = re.compile(parts)
    return any(pattern.search(text) or becomes(text, message) for text in sources)


def becomes(text, message):
    if PLACE not in text:
        return False
    parts = text.split(PLACE)
    return max(map(len, parts)) > 8 and re.fullmatch('.*?'.join(map(re.escape, parts)), message)


def quoted(name):
    plain = re.sub(r'`[^`\n]+`', '', prose(ROOT / 'docs' / f'{name}.md'))
    return re.findall(r'"([^"\n]+)"', plain)


@pytest.mark.parametrize('name', QUOTING)
def test_every_message_that_is_quoted_is_in_the_sources(name, sources):
    messages = quoted(name)
    assert messages
    assert [message for message in messages if not in_sources(message, sources)] == []


def test_a_message_that_the_node_cannot_log_is_noticed(sources):
    assert not in_sources('no image has been seen on /x', sources)
    assert in_sources('cloud.rate must be a double, got 10: write 10.0', sources)
    assert not in_sources('cloud.rate has to be a double, got 10', sources)
    assert in_sources('images of 36 MB do not fit into the shared memory', sources)
