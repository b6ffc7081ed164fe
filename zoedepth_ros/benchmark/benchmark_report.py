"""Results of a benchmark: values for JSON, tables and text; imports no torch."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoedepth_ros.benchmark.machine import Machine

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text."""

    title: str
    """Contents of the rows, with units."""
    columns: tuple[str, ...]
    """Column titles; the first column is left-aligned."""
    rows: tuple[tuple[str, ...], ...]

    def as_text(self) -> str:
        """Return the table with aligned columns."""
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
    """Results of one part of the benchmark."""

    name: str
    """The part: 'network', 'node' or 'size'; its key in the JSON."""
    values: Mapping[str, Any]
    """Plain values by key, with units in the keys."""
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    """Explanations of the tables."""
    missing: tuple[str, ...] = ()
    """What could not be measured, and why."""


def as_dict(
    command: str, date: str, machine: Machine, sections: Sequence[Section], duration_s: float
) -> dict[str, Any]:
    """Return the values of one run for JSON; date: ISO 8601."""
    return {
        'format': FORMAT,
        'command': command,
        'date': date,
        'duration_s': duration_s,
        'facts': dataclasses.asdict(machine),
        **{section.name: {**section.values, 'missing': section.missing} for section in sections},
    }


def as_text(date: str, machine: Machine, sections: Sequence[Section]) -> str:
    """Return machine, tables and notes."""
    blocks = [_machine_text(machine, date)]
    for section in sections:
        blocks += [table.as_text() for table in section.tables]
        notes = [textwrap.fill(note, 99, subsequent_indent='  ') for note in section.notes]
        blocks += ['\n'.join(notes)] if notes else []
        blocks += [f'NOT MEASURED  {line}' for line in section.missing]
    return '\n\n'.join(blocks)


def _machine_text(machine: Machine, date: str) -> str:
    versions = ', '.join(f'{name} {version}' for name, version in machine.versions.items())
    environment = ' '.join(f'{name}={value}' for name, value in machine.environment.items())
    return '\n'.join(
        [
            f'date      {date}',
            f'cpu       {machine.cpu}, {machine.cores} cores, {machine.memory_gb:.0f} GB, '
            f'load {machine.load:.1f} before the run',
            f'sets      {" ".join(machine.cpu_flags) or "unknown"} (instruction sets)',
            f'gpu       {", ".join(machine.gpus) or "none"}',
            f'system    {machine.system}, Python {machine.python}',
            f'versions  {versions}',
            f'variables {environment or "none that sets allocator, threads or instruction sets"}',
        ]
    )
