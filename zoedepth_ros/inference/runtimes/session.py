"""What every runtime gives: a loaded file that runs.  Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.files import parse_json, read_text

Maps = Mapping[str, NDArray[np.float32]]


class Session(Protocol):
    """A loaded file."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """Metadata of the file, written by `zoedepth export`."""
        ...

    @property
    def device(self) -> str:
        """Where it runs: 'cpu', 'cuda:0'."""
        ...

    @property
    def precision(self) -> str:
        """'fp32', 'bf16' or 'fp16'."""
        ...

    @property
    def inputs(self) -> Mapping[str, tuple[int, ...]]:
        """Input -> its shape, -1 for a side that is not fixed."""
        ...

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        ...

    def run(self, image: NDArray[np.float32]) -> Maps:
        """Return all outputs by name for an image, (1, 3, h, w) or as the file has it.

        Those of a head may be computed when they are read, and have to be read before the next
        run.  Raises InferenceError when the runtime fails, then also while an output is read.
        """
        ...


def sidecar_file(path: Path) -> Path:
    """Return the JSON file with the metadata of a file that has none inside."""
    return path.with_name(f'{path.name}.json')


def read_sidecar(path: Path) -> dict[str, str]:
    """Read the metadata of a file from the JSON file next to it.  Raises ValueError."""
    beside = sidecar_file(path)
    try:
        return {str(k): str(v) for k, v in parse_json(read_text(beside)).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise ValueError(
            f'cannot read {beside}, which `zoedepth export` writes next to {path.name}: {error}'
        ) from error
