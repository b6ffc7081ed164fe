import csv
import io
import json

import numpy as np
import pytest
from constant_network import ConstantNetwork
from listed_samples import ListedSamples, flat_sample

from zoedepth_ros.evaluation.evaluate import evaluate
from zoedepth_ros.evaluation.metrics import METRICS, Metrics
from zoedepth_ros.evaluation.published import published_for
from zoedepth_ros.evaluation.report import as_csv, as_table


@pytest.fixture
def report():
    network = ConstantNetwork(lambda image, head: np.full((2, 3), 2.0))
    data = ListedSamples([flat_sample('a', 2.0), flat_sample('b', 4.0)])
    return evaluate(network, data)


def test_json_holds_scores_and_how_they_came_about(report):
    found = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert found['metrics']['abs_rel'] == pytest.approx(0.25)
    assert found['metrics']['delta1'] == 0.5
    assert set(found['metrics']) == set(METRICS)
    assert found['n_images'] == 2
    assert found['flip'] is True
    assert found['router_accuracy'] == 1.0
    assert found['protocol']['max_depth_m'] == 10.0
    assert found['weights_warning'] == 'nothing: a test'


def test_csv_has_a_line_per_image_without_lost_digits(report):
    first, second = csv.DictReader(io.StringIO(as_csv(report.images)))
    assert (first['name'], first['head'], first['routed_to']) == ('a', 'indoor', 'indoor')
    assert float(second['log_10']) == report.images[1].metrics.log_10


def test_the_table_sets_published_scores_beside_ours():
    ours = Metrics(0.955, 0.995, 0.999, 0.0675, 0.03, 0.243, 0.1, 0.032, 9.0)
    header, first, published_n, published_nk = as_table(
        {'ours': ours}, published_for('nyu')
    ).splitlines()
    assert header.split() == ['model', *METRICS]
    assert first.split()[:5] == ['ours', '0.955', '0.995', '0.999', '0.068']
    assert published_n.split()[:3] == ['ZoeD_M12_N,', 'published', '0.955']
    assert published_nk.split()[0] == 'ZoeD_M12_NK,'
    assert '-' in published_n.split()  # SqRel was never printed
    # AbsRel and RMSE are a tenth better, the other four equal: (0.1 + 0.1) / 6
    assert published_n.endswith('mean improvement of the first row over this: +3.3%')


def test_the_table_of_own_data_is_ours_alone():
    ours = Metrics(1, 1, 1, 0, 0, 0, 0, 0, 0)
    assert len(as_table({'ours': ours}).splitlines()) == 2
