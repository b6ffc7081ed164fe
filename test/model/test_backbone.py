from __future__ import annotations

import dataclasses

import pytest
import torch
from tiny_models import BACKBONE, random_image, spread

from zoedepth_ros.model.backbones.beit import BeitFeatures, position_bias


def numbered_table(rows: int, columns: int) -> torch.Tensor:
    """Return a table (.., 2 heads) whose entries encode their position; head 1 is negative."""
    index = torch.arange((2 * rows - 1) * (2 * columns - 1) + 3, dtype=torch.float32)
    return torch.stack([index, -index], dim=1)


def test_convention_of_the_position_bias() -> None:
    """Rows are queries, columns keys; the offset query - key counts up in the table, y first."""
    rows, columns = 2, 3
    bias = position_bias(numbered_table(rows, columns), (rows, columns), (rows, columns))
    assert bias.shape == (2, 7, 7)
    for query in range(6):
        for key in range(6):
            down = query // columns - key // columns
            right = query % columns - key % columns
            entry = (down + rows - 1) * (2 * columns - 1) + right + columns - 1
            assert bias[0, 1 + query, 1 + key] == entry
            assert bias[1, 1 + query, 1 + key] == -entry


def test_convention_of_the_last_three_rows_of_a_table() -> None:
    """They are cls -> patch, patch -> cls, cls -> cls."""
    bias = position_bias(numbered_table(2, 3), (2, 3), (3, 2))[0]
    assert bias[0, 1:].unique().tolist() == [15.0]
    assert bias[1:, 0].unique().tolist() == [16.0]
    assert bias[0, 0] == 17.0


def test_another_grid_is_interpolated_without_aligned_corners() -> None:
    """A 1 x 2 table of offsets 0, 3, 6 stretched to five: outer entries repeat, by hand."""
    table = torch.tensor([0.0, 3.0, 6.0, 7.0, 8.0, 9.0])[:, None]
    bias = position_bias(table, (1, 2), (1, 3))[0]
    # Centres of five cells over three: -0.2, 0.4, 1, 1.6, 2.2 -> 0, 1.2, 3, 4.8, 6.
    expected = torch.tensor([[3.0, 1.2, 0.0], [4.8, 3.0, 1.2], [6.0, 4.8, 3.0]])
    torch.testing.assert_close(bias[1:, 1:], expected)


def test_position_tables_learn() -> None:
    features = BeitFeatures(BACKBONE)
    spread(features, seed=0)
    sum(x.sum() for x in features(random_image(64, 96))).backward()
    for table in features.position_tables:
        assert table.grad is not None
        assert (table.grad != 0).any(dim=1).all()  # every offset occurs in 4 x 6 patches


def test_what_is_prepared_for_another_size_is_refused() -> None:
    features = BeitFeatures(BACKBONE)
    with pytest.raises(ValueError, match=r'prepared for images of \(96, 64\).*\(64, 96\)'):
        features(random_image(64, 96), features.prepare(96, 64))


def test_every_setting_reaches_the_blocks() -> None:
    config = dataclasses.replace(
        BACKBONE, mlp_ratio=2.0, layer_scale=0.25, patch_size=8, window=(3, 5)
    )
    features = BeitFeatures(config)
    parameters = dict(features.named_parameters())
    assert parameters['blocks.4.mlp.fc1.weight'].shape == (64, 32)
    assert parameters['blocks.4.gamma_1'].unique().tolist() == pytest.approx([0.25])
    assert parameters['patch_embed.weight'].shape == (32, 3, 8, 8)
    assert parameters['position_tables.4'].shape == (5 * 9 + 3, 4)
    shapes = [tuple(x.shape[2:]) for x in features(random_image(32, 48))]
    assert shapes == [(16, 24), (8, 12), (4, 6), (2, 3)]
