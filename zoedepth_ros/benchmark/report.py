"""What a benchmark found: values for programs, a table and words for people; no torch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zoedepth_ros.benchmark.facts import Facts

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Table:
    """Rows for people."""

    title: str
    """What the rows are about, with units."""

    columns: tuple[str, ...]
    """Heads of the columns; the first is left-aligned."""

    rows: tuple[tuple[str, ...], ...]
    """Cells, as text."""

    def __post_init__(self) -> None:
        wrong = [row for row in self.rows if len(row) != len(self.columns)]
        if wrong:
            raise ValueError(f'{self.title}: {len(self.columns)} columns, but {wrong[0]}')

    def as_text(self) -> str:
        """Return the table with columns of even width."""
        lines = [self.columns, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = [self.title]
        for line in lines:
            first, *others = zip(line, widths, strict=True)
            cells = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
            text.append('  ' + '  '.join(cells).rstrip())
        return '\n'.join(text)


@dataclass(frozen=True, slots=True)
class Section:
    """What one part of the benchmark found."""

    name: str
    """The part: 'network', 'node', 'size'; its key in the JSON."""

    values: Mapping[str, Any]
    """Figures by key, units in the keys; plain values, lists and mappings."""

    tables: tuple[Table, ...] = ()
    """The same for people."""

    words: tuple[str, ...] = ()
    """What the figures mean, a sentence or two each."""

    missing: tuple[str, ...] = ()
    """What could not be measured, and why."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything of one run."""

    command: str
    """What was typed."""

    date: str
    """Day of the run, ISO 8601."""

    facts: Facts
    """Where it ran."""

    sections: tuple[Section, ...]
    """One per part, in the order they ran."""

    duration_s: float = field(default=math.nan)
    """How long the whole run took [s]."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, fit for JSON; what is not finite is null."""
        parts = {
            section.name: {**section.values, 'missing': list(section.missing)}
            for section in self.sections
        }
        head = {
            'format': FORMAT,
            'command': self.command,
            'date': self.date,
            'duration_s': self.duration_s,
            'facts': dataclasses.asdict(self.facts),
        }
        return plain({**head, **parts})

    def as_text(self) -> str:
        """Return facts, tables and words."""
        blocks = [_facts_text(self.facts, self.date)]
        for section in self.sections:
            blocks += [table.as_text() for table in section.tables]
            if section.words:
                blocks.append('\n'.join(wrapped(section.words)))
            blocks += [f'NOT MEASURED  {line}' for line in section.missing]
        return '\n\n'.join(blocks)


def plain(value: Any) -> Any:
    """Return only what JSON has; a number that is not finite becomes None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain(dataclasses.asdict(value))
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def wrapped(words: Sequence[str], width: int = 99) -> list[str]:
    """Break sentences into lines, each sentence beginning on a new one."""
    import textwrap

    return [line for text in words for line in textwrap.wrap(text, width, subsequent_indent='  ')]


def _facts_text(facts: Facts, date: str) -> str:
    versions = ', '.join(f'{name} {version}' for name, version in facts.versions.items())
    environment = ' '.join(f'{name}={value}' for name, value in facts.environment.items())
    return '\n'.join(
        [
            f'date      {date}',
            f'cpu       {facts.cpu}, {facts.cores} cores, {facts.memory_gb:.0f} GB, '
            f'load {facts.load:.1f} before the run',
            f'sets      {" ".join(facts.cpu_flags) or "unknown"} (instructions of the processor)',
            f'gpu       {", ".join(facts.gpus) or "none"}',
            f'system    {facts.system}, Python {facts.python}',
            f'versions  {versions}',
            f'variables {environment or "none that steers allocator or threads"}',
        ]
    )
