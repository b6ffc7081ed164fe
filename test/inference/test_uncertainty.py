"""Maps from the spread of the bins to metres; expected values by hand."""

import json
import math

import numpy as np
import pytest

from zoedepth_ros.inference.uncertainty import (
    UncertaintyError,
    UncertaintyMap,
    content_of,
    file_beside,
    read_maps,
    write_maps,
)

NAN = math.nan


def floats(*values):
    return np.array(values, np.float32)


def test_a_temperature_multiplies_the_spread():
    std_m = UncertaintyMap(0.25).std_m(floats(1.0, 8.0), floats(0.4, 2.0))
    np.testing.assert_allclose(std_m, [0.1, 0.5], rtol=1e-6)
    assert std_m.dtype == np.float32


def test_exponents_apply_to_depth_and_to_the_relative_spread():
    fitted = UncertaintyMap(0.1, depth_exponent=2.0, spread_exponent=-0.5)
    # 0.1 * 3^2 / sqrt(0.25)
    np.testing.assert_allclose(fitted.std_m(floats(3.0), floats(0.75)), [1.8], rtol=1e-6)


def test_a_spread_outside_of_the_fit_counts_as_the_nearest_one_inside():
    fitted = UncertaintyMap(1.0, least_spread=0.5, most_spread=2.0)
    std_m = fitted.std_m(floats(2.0, 2.0, 2.0), floats(0.0, 2.0, 50.0))
    np.testing.assert_allclose(std_m, [1.0, 2.0, 4.0], rtol=1e-6)


def test_unknown_depth_has_no_standard_deviation_and_the_inputs_stay():
    depth_m, spread_m = floats(NAN, 1.0), floats(NAN, 1.0)
    assert np.isnan(UncertaintyMap(1.0).std_m(depth_m, spread_m)).tolist() == [True, False]
    np.testing.assert_array_equal(depth_m, [NAN, 1.0])
    np.testing.assert_array_equal(spread_m, [NAN, 1.0])


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        ({'factor': 0.0}, 'factor must be above 0'),
        ({'factor': NAN}, 'factor must be a number'),
        ({'factor': 1.0, 'depth_exponent': 5.0}, 'depth_exponent must be -4 to 4, got 5'),
        ({'factor': 1.0, 'least_spread': 2.0, 'most_spread': 1.0}, 'least_spread <= most_spread'),
    ],
)
def test_values_that_are_no_standard_deviation_are_refused(values, message):
    with pytest.raises(UncertaintyError, match=message):
        UncertaintyMap(**values)


MAPS = {
    'indoor': UncertaintyMap(0.5, 1.25, -0.5, 0.1, 2.0, 0.9, 2.5),
    'outdoor': UncertaintyMap(2.0),
}


def test_weights_keep_their_maps_in_their_metadata_or_in_a_file_beside_which_counts_more(tmp_path):
    weights = tmp_path / 'network.v2.safetensors'
    metadata = {'uncertainty': json.dumps(content_of(MAPS, {'dataset': 'rooms'}))}
    assert read_maps(weights, {}) == {}
    assert read_maps(weights, metadata) == MAPS
    other = {'indoor': UncertaintyMap(3.0)}
    assert file_beside(weights) == tmp_path / 'network.v2.uncertainty.yaml'
    write_maps(file_beside(weights), content_of(other))
    assert read_maps(weights, {}) == other
    assert read_maps(weights, metadata) == {**MAPS, **other}


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('a: [', 'network.uncertainty.yaml: .*'),
        ('heads: {}', 'network.uncertainty.yaml: expected "format: zoedepth uncertainty 1"'),
        ('format: zoedepth uncertainty 1\nheds: {}', 'expected the keys heads and fitted, got'),
        ('format: zoedepth uncertainty 1\nheads: {3: {}}', 'expected the name of a head, got 3'),
        (
            'format: zoedepth uncertainty 1\nheads: {indoor: {factor: 1}}',
            'indoor: expected .*spread',
        ),
        (
            f'format: zoedepth uncertainty 1\n? {"x" * 5000}\n: 1\nheads: {{}}',
            '^.{,400}expected the keys heads and fitted, got .{,300}$',
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_name_and_the_reason(
    tmp_path, text, message
):
    (tmp_path / 'network.uncertainty.yaml').write_text(text)
    with pytest.raises(UncertaintyError, match=message):
        read_maps(tmp_path / 'network.pt', {})


def test_whole_numbers_and_no_other_types_are_numbers(tmp_path):
    entry = {'factor': 2, 'depth_exponent': 1, 'spread_exponent': 0, 'least_spread': 1}
    entry |= {'width_68': 1, 'width_95': 2, 'most_spread': 3}
    path = tmp_path / 'a.uncertainty.yaml'
    for most, is_right in ((3, True), ('3', False), (True, False)):
        head = {'indoor': {**entry, 'most_spread': most}}
        write_maps(path, {'format': 'zoedepth uncertainty 1', 'heads': head})
        if is_right:
            assert read_maps(tmp_path / 'a.onnx', {})['indoor'].most_spread == 3.0
        else:
            with pytest.raises(UncertaintyError, match='indoor: most_spread must be a number'):
                read_maps(tmp_path / 'a.onnx', {})
    heads = {'indoor': {**entry, 'factor': 10**400}}
    write_maps(path, {'format': 'zoedepth uncertainty 1', 'heads': heads})
    with pytest.raises(UncertaintyError, match='indoor: int too large'):
        read_maps(tmp_path / 'a.onnx', {})
