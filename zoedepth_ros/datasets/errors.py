"""The one error a data set raises."""

from __future__ import annotations

from pathlib import Path


class DatasetError(ValueError):
    """A file or folder of a data set that is missing, damaged or not what it should be."""

    def __init__(self, dataset: str, path: Path | str, problem: str, expected: str) -> None:
        super().__init__(f'{dataset}: {path}: {problem}; expected {expected}')
        self.dataset = dataset
        """Name of the data set."""
        self.path = str(path)
        """The file or folder in question."""
        self.problem = problem
        """What was found instead."""

    def __reduce__(self) -> tuple[type[DatasetError], tuple[str, str, str, str]]:
        expected = str(self).rpartition('; expected ')[2]
        return type(self), (self.dataset, self.path, self.problem, expected)
