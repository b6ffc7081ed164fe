"""The sheet of drawn scenes."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import pytest

pytest.importorskip('numba')

from zoedepth_ros.cli import scenes


def run(*arguments: str) -> int:
    """Run the subcommand as the command line does."""
    parser = argparse.ArgumentParser()
    scenes.add_arguments(parser)
    return scenes.run(parser.parse_args(arguments))


@pytest.mark.parametrize('what', [(), ('--domain', 'outdoor'), ('--walk', 'door')])
def test_a_sheet_has_a_picture_and_its_depth_for_each_scene(
    tmp_path: Path, what: tuple[str, ...]
) -> None:
    out = tmp_path / 'new' / 'sheet.png'
    size = ('--height', '24', '--width', '32', '--count', '5', '--columns', '3')
    assert run(*what, *size, '--out', str(out)) == 0
    assert cv2.imread(str(out)).shape == (2 * 2 * 24, 3 * 32, 3)


@pytest.mark.parametrize('wrong', [('--count', '0'), ('--seed', '-1'), ('--height', '3')])
def test_impossible_numbers_are_refused(tmp_path: Path, wrong: tuple[str, str]) -> None:
    with pytest.raises(SystemExit):
        run(*wrong, '--out', str(tmp_path / 'x.png'))
