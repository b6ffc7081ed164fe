"""The contact sheet of rendered scenes."""

import cv2
import pytest

pytest.importorskip('numba')

from zoedepth_ros.cli.main import main


@pytest.mark.parametrize('options', [(), ('--domain', 'outdoor'), ('--trajectory', 'door')])
def test_a_sheet_has_an_image_and_its_depth_for_each_scene(tmp_path, options):
    out = tmp_path / 'new' / 'sheet.png'
    size = ('--height', '24', '--width', '32', '--count', '5', '--columns', '3')
    assert main(['scenes', *options, *size, '--out', str(out)]) == 0
    assert cv2.imread(str(out)).shape == (2 * 2 * 24, 3 * 32, 3)
