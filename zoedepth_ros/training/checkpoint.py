"""Files of a training run: checkpoints, written atomically, and curves of losses and scores."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from zoedepth_ros.files import named_write_errors, replacing

FILE_NAME = 'latest.pt'
REMEDY = 'free some space, then repeat the command, which continues from the last checkpoint'
"""Remedy in errors of a run that cannot write."""


@dataclass(frozen=True, slots=True)
class TrainingState:
    """The state of a run between two steps.

    The order of images, augmentation and dropout depend on seed and step only, so random number
    generators have no state to store.
    """

    stage: int
    """Number of the stage."""
    step: int
    """Completed steps of the stage."""
    seconds: float
    """Duration of the stage so far [s]."""
    best_score: float
    """Lowest validation score of the stage."""
    model: dict[str, Any]
    """State of the network."""
    optimizers: dict[str, Any]
    """State of the optimizers and their schedules."""
    average: dict[str, Any] | None
    """State of the moving average of the weights; None without one."""
    config: dict[str, Any]
    """Settings of the run."""
    inherited: dict[str, str]
    """Metadata inherited from the initial weights."""


def save_state(state: TrainingState, folder: Path) -> None:
    """Write a checkpoint atomically."""
    with replacing(folder / FILE_NAME, remedy=REMEDY) as unfinished, unfinished.open('wb') as file:
        torch.save({name: getattr(state, name) for name in state.__slots__}, file)


def load_state(folder: Path, device: torch.device) -> TrainingState | None:
    """Read the checkpoint of a folder, or None.  Raises ValueError for an invalid file."""
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    try:
        return TrainingState(**torch.load(path, map_location=device, weights_only=True))
    except OSError:
        raise
    except Exception as error:  # torch and pickle raise errors of many types
        raise ValueError(f'{path} is not a checkpoint of a training run: {error}') from error


FREE_TO_CHANGE = ('output', 'workers', 'checkpoint_every', 'tensorboard')
"""Settings that may differ when a run resumes."""


def check_same_run(saved: dict[str, Any], config: Any, folder: Path) -> None:
    """Raise ValueError naming the settings that differ from those of a checkpoint."""
    present = asdict(config)
    different = [
        key for key in present if key not in FREE_TO_CHANGE and saved.get(key) != present[key]
    ]
    if different:
        raise ValueError(
            f'{folder} contains a run with other settings ({", ".join(different)}): '
            'choose another --output, or start again with --restart'
        )


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
