"""The contact sheet of rendered scenes."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import pytest

pytest.importorskip('numba')

from zoedepth_ros.cli import render_scenes


def run(*arguments: str) -> int:
    """Run the subcommand as the command line does."""
    parser = argparse.ArgumentParser()
    render_scenes.add_arguments(parser)
    return render_scenes.run(parser.parse_args(arguments))


@pytest.mark.parametrize('options', [(), ('--domain', 'outdoor'), ('--trajectory', 'door')])
def test_a_sheet_has_an_image_and_its_depth_for_each_scene(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    out = tmp_path / 'new' / 'sheet.png'
    size = ('--height', '24', '--width', '32', '--count', '5', '--columns', '3')
    assert run(*options, *size, '--out', str(out)) == 0
    assert cv2.imread(str(out)).shape == (2 * 2 * 24, 3 * 32, 3)


@pytest.mark.parametrize('wrong', [('--count', '0'), ('--seed', '-1'), ('--height', '3')])
def test_invalid_numbers_are_rejected(tmp_path: Path, wrong: tuple[str, str]) -> None:
    with pytest.raises(SystemExit):
        run(*wrong, '--out', str(tmp_path / 'x.png'))
