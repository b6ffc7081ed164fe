"""The official split lists of NYU and KITTI: lines of picture, depth and focal length."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, NamedTuple

from zoedepth_ros.datasets.dataset import DepthDataset
from zoedepth_ros.datasets.errors import DatasetError

WHERE = (
    'a list of lines "picture depth focal" as isl-org/ZoeDepth keeps them in train_test_inputs/ '
    '(https://github.com/isl-org/ZoeDepth/tree/main/train_test_inputs): {file_name}; they are not '
    'part of this package'
)
"""What a missing list is answered with."""


class ListedFiles(NamedTuple):
    """One line of a list."""

    picture: str
    """Path of the picture below its root."""
    depth: str
    """Path of the depth below its root."""
    focal_px: float
    """Focal length [px], as the list has it."""


class ListedDataset(DepthDataset):
    """A data set whose samples an official split list names."""

    list_names: ClassVar[dict[str, str]]
    """Split -> file name of its list."""

    def __init__(
        self,
        root: Path | str,
        split_list: Path | str | None,
        *,
        split: str = 'test',
        skip_damaged: bool = False,
    ) -> None:
        self.split = split
        self.listed, self.without_truth = read_split_list(
            split_list, self.name, self.list_names[split]
        )
        super().__init__(root, skip_damaged=skip_damaged)

    def _part(self, folder: str) -> Path:
        """Return a folder below the root, or the root where that is the folder itself."""
        below = self.root / folder
        return below if below.is_dir() else self.root


def read_split_list(
    path: Path | str | None, dataset: str, file_name: str
) -> tuple[list[ListedFiles], int]:
    """Read a list: its lines with a depth file, and how many say None for it.

    Raises: DatasetError without a list, with the place to get `file_name` from, or for a bad line.
    """
    expected = WHERE.format(file_name=file_name)
    if path is None:
        raise DatasetError(dataset, 'split list', 'not given', expected)
    path = Path(path).expanduser()
    if not path.is_file():
        raise DatasetError(dataset, path, 'no such file', expected)
    lines = [line.split() for line in path.read_text('utf-8').splitlines() if line.strip()]
    for number, words in enumerate(lines, start=1):
        if len(words) < 3 or not _is_number(words[2]):
            problem = f'non-empty line {number} is {" ".join(words)!r}'
            raise DatasetError(dataset, path, problem, 'picture depth focal')
    listed = [
        ListedFiles(_relative(words[0]), _relative(words[1]), float(words[2]))
        for words in lines
        if words[1] != 'None'
    ]
    return listed, len(lines) - len(listed)


def _relative(path: str) -> str:
    """Drop the leading slash with which some official lines start."""
    return path.lstrip('/\\')


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
