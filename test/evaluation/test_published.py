"""Published scores against the tables of the paper and the release page."""

from zoedepth_ros.evaluation.metrics import METRICS
from zoedepth_ros.evaluation.published import PUBLISHED, published_for


def test_the_release_page_and_the_rows_agree_on_abs_rel():
    """AbsRel as listed on the release page of isl-org/ZoeDepth, v1.0."""
    release_page = {
        'ZoeD_M12_N': {
            'nyu': 0.075, 'sunrgbd': 0.119, 'ibims': 0.169, 'diode_indoor': 0.327,
            'hypersim_test': 0.410,
        },
        'ZoeD_M12_K': {
            'vkitti2': 0.100, 'ddad': 0.129, 'diml_outdoor': 1.921, 'diode_outdoor': 0.852,
        },
        'ZoeD_M12_NK': {
            'nyu': 0.077, 'sunrgbd': 0.123, 'ibims': 0.186, 'diode_indoor': 0.331,
            'hypersim_test': 0.419, 'vkitti2': 0.105, 'ddad': 0.138, 'diml_outdoor': 0.641,
            'diode_outdoor': 0.757,
        },
    }  # fmt: skip
    for model, scores in release_page.items():
        ours = {row.dataset: row.scores['abs_rel'] for row in PUBLISHED if row.model == model}
        ours.pop('kitti', None)  # the page does not have KITTI
        assert ours == scores


def test_the_papers_rows_of_nyu_are_complete():
    rows = {row.model: dict(row.scores) for row in published_for('nyu')}
    assert rows['ZoeD_M12_N'] == {
        'delta1': 0.955, 'delta2': 0.995, 'delta3': 0.999,
        'abs_rel': 0.075, 'rmse': 0.270, 'log_10': 0.032,
    }  # fmt: skip
    assert rows['ZoeD_M12_NK']['rmse'] == 0.277


def test_every_row_states_where_it_is_printed():
    assert all('arXiv:2302.12288' in row.source for row in PUBLISHED)


def test_data_of_your_own_has_nothing_published():
    assert published_for('folder') == ()


def test_every_metric_that_is_printed_is_one_of_ours():
    assert {name for row in PUBLISHED for name in row.scores} <= set(METRICS)
