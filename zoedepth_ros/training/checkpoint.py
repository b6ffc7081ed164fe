"""Checkpoints of a training run, written atomically."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from zoedepth_ros.files import replacing

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
