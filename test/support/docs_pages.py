"""Read the documentation: its blocks with their marks, links, anchors and inline code."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / 'README.md', *(ROOT / 'docs').glob('*.md')])
COMMAND_LANGUAGES = ('', 'bash', 'sh', 'console')
MARK = re.compile(r'<!-- (runs|text|needs: \S.*) -->')


@dataclass(frozen=True, slots=True)
class Block:
    """one code block."""

    page: Path
    """The page."""

    line: int
    """Number of its first line, from 1."""

    language: str
    """Language of the fence; '' for none and for indented blocks."""

    text: str
    """The text."""

    mark: str
    """'runs', 'needs: …', 'text', or '' without a comment above it."""

    @property
    def where(self) -> str:
        """Page and line, for messages and names of tests."""
        return f'{self.page.relative_to(ROOT)}:{self.line}'

    @property
    def is_commands(self) -> bool:
        """Whether it holds commands."""
        return self.language in COMMAND_LANGUAGES and self.mark != 'text'

    def commands(self) -> list[str]:
        """Return the commands, continued lines joined, comments and prompts taken off."""
        text = re.sub(r'\\\n\s*', ' ', self.text)
        lines = (re.sub(r'(^|\s)#\s.*$', '', line).strip() for line in text.splitlines())
        return [line.removeprefix('$ ') for line in lines if line]


def blocks(page: Path) -> list[Block]:
    """Return every fenced or indented block of a page."""
    lines = page.read_text().splitlines()
    found: list[Block] = []
    number = 0
    while number < len(lines):
        fence = re.match(r'(```+)(\S*)', lines[number])
        if fence:
            end = next(n for n in range(number + 1, len(lines)) if lines[n] == fence[1])
            found.append(_block(page, lines, number, number + 1, end, fence[2]))
            number = end + 1
        elif _starts_indented(lines, number):
            end = number
            while end < len(lines) and (lines[end].startswith('    ') or not lines[end].strip()):
                end += 1
            found.append(_block(page, lines, number, number, end, ''))
            number = end
        else:
            number += 1
    return found


def _starts_indented(lines: list[str], number: int) -> bool:
    """Tell an indented block from the continued text of a list."""
    if not lines[number].startswith('    ') or not lines[number].strip():
        return False
    before = next((line for line in reversed(lines[:number]) if line.strip()), '')
    blank = number == 0 or not lines[number - 1].strip()
    return blank and not re.match(r'\s*([-*]|\d+\.)\s|\s{2,}\S', before)


def _block(page: Path, lines: list[str], top: int, start: int, end: int, language: str) -> Block:
    above = next((line for line in reversed(lines[:top]) if line.strip()), '')
    mark = MARK.fullmatch(above.strip())
    text = dedent('\n'.join(lines[start:end]))
    return Block(page, top + 1, language, text, mark[1] if mark else '')


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return re.sub(r'^```.*?^```$', '', page.read_text(), flags=re.S | re.M)


def inline_code(page: Path) -> list[str]:
    """Return everything in backticks in the prose of a page."""
    return re.findall(r'`([^`\n]+)`', prose(page))


def links(page: Path) -> list[str]:
    """Return the targets of links and images in a page."""
    return re.findall(r'\]\(([^()\s]+)\)', prose(page))


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings have on GitHub."""
    headings = re.findall(r'^#+\s+(.*)$', prose(page), flags=re.M)
    plain = (re.sub(r'[^\w\- ]', '', heading.lower()) for heading in headings)
    return {heading.strip().replace(' ', '-') for heading in plain}


@dataclass(frozen=True, slots=True)
class Words:
    """one simple command."""

    environment: tuple[str, ...]
    """Variables before it, NAME=VALUE."""

    words: tuple[str, ...]
    """The command and its arguments."""


def simple_commands(line: str) -> Iterator[Words]:
    """Split a line at && and ;, and each part into words."""
    lexer = shlex.shlex(line.replace('…', ''), posix=True, punctuation_chars=';&|')
    lexer.whitespace_split = True
    parts: list[list[str]] = [[]]
    for token in lexer:
        if set(token) <= set(';&|'):
            parts.append([])
        else:
            parts[-1].append(token)
    for words in parts:
        first = next((n for n, word in enumerate(words) if not _is_setting(word)), len(words))
        if words[first:]:
            yield Words(tuple(words[:first]), tuple(words[first:]))


def _is_setting(word: str) -> bool:
    return re.match(r'[A-Za-z_]\w*=', word) is not None
