"""Losses and scores of a run, as CSV and for TensorBoard."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoedepth_ros.files import named_write_errors, replacing
from zoedepth_ros.training.checkpoint import REMEDY


class Curves:
    """A CSV file with one row per logged step of a stage; the first row defines the columns.

    A resumed run removes the rows after its checkpoint.
    """

    def __init__(self, path: Path, tensorboard: Any = None, prefix: str = '') -> None:
        self._path = path
        self._tensorboard = tensorboard
        self._prefix = prefix
        self._columns: list[str] = []

    def cut(self, after_step: int) -> None:
        """Remove the rows of later steps."""
        if not self._path.is_file():
            return
        with self._path.open(newline='', encoding='utf-8') as file:
            reader = csv.DictReader(file)
            # An interrupted run may have left an incomplete last row.
            rows = [row for row in reader if None not in row.values()]
            self._columns = list(reader.fieldnames or [])
        kept = [row for row in rows if int(row['step']) <= after_step]
        if not kept:
            self._path.unlink()  # a run from the start may have other columns
            self._columns = []
            return
        with (
            replacing(self._path) as unfinished,
            unfinished.open('w', newline='', encoding='utf-8') as file,
        ):
            writer = csv.DictWriter(file, self._columns)
            writer.writeheader()
            writer.writerows(kept)

    def add(self, step: int, values: Mapping[str, float | str]) -> None:
        """Append a row."""
        row = {'step': step, **values}
        new = not self._columns
        if new:
            self._columns = list(row)
        with (
            named_write_errors(self._path, remedy=REMEDY),
            self._path.open('a', newline='', encoding='utf-8') as file,
        ):
            writer = csv.DictWriter(file, self._columns)
            if new:
                writer.writeheader()
            writer.writerow({k: v if isinstance(v, str) else f'{v:.9g}' for k, v in row.items()})
        if self._tensorboard is not None:
            for name, value in values.items():
                if not isinstance(value, str):
                    self._tensorboard.add_scalar(f'{self._prefix}{name}', value, step)
