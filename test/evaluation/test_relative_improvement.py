"""Published scores, and relative improvement against the tables of the paper."""

import pytest

from zoedepth_ros.cli.main import main
from zoedepth_ros.evaluation.metrics import METRICS
from zoedepth_ros.evaluation.published import (
    PUBLISHED,
    improvement_table,
    improvements,
    published_for,
    read_scores,
)


def test_less_error_and_more_pixels_within_a_threshold_are_an_improvement():
    target, reference = {'abs_rel': 0.09, 'rmse': 3.0, 'delta1': 0.9}, {'abs_rel': 0.1}
    assert improvements(target, reference) == {'abs_rel': pytest.approx(0.1)}
    reference |= {'rmse': 2.0, 'delta1': 0.8, 'silog': 1.0}
    expected = {'delta1': 0.125, 'abs_rel': 0.1, 'rmse': -0.5}
    assert improvements(target, reference) == pytest.approx(expected)
    with pytest.raises(ValueError, match='undefined'):
        improvements({'abs_rel': 1.0}, {'abs_rel': 0.0})


def test_the_table_has_the_means_in_per_cent_and_a_dash_where_one_has_no_score():
    targets = {
        'nyu': {'abs_rel': 0.09, 'delta1': 0.92},
        'ibims': {'abs_rel': 0.3},
        'mine': {'rmse': 1},
    }
    references = {'nyu': {'abs_rel': 0.1, 'delta1': 0.8}, 'ibims': {'abs_rel': 0.2, 'rmse': 1.0}}
    header, nyu, ibims, mean = improvement_table(targets, references).splitlines()
    assert header.split() == ['delta1', 'abs_rel', 'mRI_theta']
    assert nyu.split() == ['nyu', '+15.0%', '+10.0%', '+12.5%']
    assert ibims.split() == ['ibims', '-', '-50.0%', '-50.0%']
    assert mean.split() == ['mRI_D', '+15.0%', '-20.0%', '-']


def test_the_papers_own_comparison_of_two_released_models(capsys):
    # AbsRel on the four outdoor sets, K over NK: (.105-.100)/.105, (.138-.129)/.138,
    # (.641-1.921)/.641, (.757-.852)/.757; mean -50.2 %
    assert main(['compare', 'ZoeD_M12_K', '--over', 'ZoeD_M12_NK']) == 0
    header, *rows = (line.split() for line in capsys.readouterr().out.splitlines())
    column = 1 + header.index('abs_rel')
    found = {row[0]: row[column] for row in rows}
    assert found['vkitti2'] == '+4.8%'
    assert found['mRI_D'] == '-50.2%'


def test_reports_are_read_by_their_data_sets(tmp_path):
    (tmp_path / 'a.json').write_text('{"dataset": "nyu", "metrics": {"rmse": 2, "silog": null}}')
    (tmp_path / 'b.json').write_text('{"indoor": {"rmse": 1}, "outdoor": {"rmse": 3}}')
    assert read_scores([str(tmp_path / 'a.json'), str(tmp_path / 'b.json')]) == {
        'nyu': {'rmse': 2},
        'synthetic_indoor': {'rmse': 1},
        'synthetic_outdoor': {'rmse': 3},
    }
    with pytest.raises(ValueError, match='nyu were given twice'):
        read_scores([str(tmp_path / 'a.json')] * 2)


NOT_SCORES = (
    '{"dataset": "nyu", "metrics": {"abs_rel": "small"}}',
    '{"dataset": "nyu", "metrics": {"abs_rel": [0.1]}}',
    '{"dataset": "nyu", "metrics": ["abs_rel"]}',
    '{"indoor": {"abs_rel": {}}}',
)


@pytest.mark.parametrize(
    'text', ['{}', '[]', 'no json', '{"metrics": {}}', '3', '[' * 100_000, *NOT_SCORES]
)
def test_a_file_that_is_no_report_is_named(tmp_path, text):
    (tmp_path / 'a.json').write_text(text)
    with pytest.raises(ValueError, match=r'a\.json is not a report'):
        read_scores([str(tmp_path / 'a.json')])


def test_an_unknown_model_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r'ZoeD_M13.*ZoeD_M12_K, ZoeD_M12_N, ZoeD_M12_NK'):
        read_scores(['ZoeD_M13'])


def test_models_that_share_no_data_set_cannot_be_compared():
    for references in ({'kitti': {'rmse': 1}}, {'nyu': {'silog': 1}}):
        with pytest.raises(ValueError, match='no data set has scores in both inputs'):
            improvement_table({'nyu': {'rmse': 1}}, references)


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
