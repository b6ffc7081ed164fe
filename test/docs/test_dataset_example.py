"""The data set that docs/datasets.md adds reads what the page describes."""

import cv2
import numpy as np
import pytest
from docs_pages import ROOT, blocks

from zoedepth_ros.datasets.file_formats import DatasetError


@pytest.fixture
def warehouse(tmp_path):
    (example,) = (b.text for b in blocks(ROOT / 'docs' / 'datasets.md') if 'Warehouse' in b.text)
    names = {}
    exec(compile(example, 'datasets.md', 'exec'), names)
    for name in ('left', 'depth'):
        (tmp_path / name).mkdir()
    cv2.imwrite(str(tmp_path / 'left' / 'a.png'), np.full((2, 3, 3), (30, 20, 10), np.uint8))
    steps = np.array([[4000, 0, 10000], [2000, 1, 65535]], np.uint16)
    cv2.imwrite(str(tmp_path / 'depth' / 'a.png'), steps)
    return names['Warehouse'](tmp_path)


def test_the_example_of_a_data_set_reads_quarter_millimetres(warehouse):
    assert len(warehouse) == 1
    sample = warehouse[0]
    assert sample.rgb[0, 0].tolist() == [10, 20, 30]
    expected = [[1.0, np.nan, 2.5], [0.5, 0.00025, 16.38375]]
    np.testing.assert_allclose(sample.depth_m, expected, rtol=1e-6)
    assert sample.domain == 'indoor'


def test_the_example_names_a_missing_file(warehouse):
    (warehouse.root / 'depth' / 'a.png').unlink()
    with pytest.raises(DatasetError, match=r'a\.png'):
        warehouse[0]
