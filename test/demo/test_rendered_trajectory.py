import sys
from functools import partial

import numpy as np
import pytest

from zoedepth_ros.demo.sources.base import SourceError
from zoedepth_ros.demo.sources.open_source import SourceSequence, has_ground_truth, open_source
from zoedepth_ros.demo.sources.rendered_trajectory import RenderedTrajectory, pace

OPTIONS = {'kind': 'door', 'seed': 0, 'duration_s': 0.0, 'width': 32, 'rate_hz': 10.0}


def opened(source, *, loop=False, warnings=None, **options):
    warn = warnings.append if warnings is not None else lambda text: None
    trajectory = partial(RenderedTrajectory, **{**OPTIONS, **options})
    return open_source(source, loop=loop, dwell_s=1.0, warn=warn, trajectory=trajectory)


def test_a_shortened_trajectory_keeps_its_speed_around_its_doors():
    # 33 s with doors at 2.6 s and 30.5 s, shown in 15 s: it is faster between them.
    shown_s, trajectory_s = pace(15.0, 33.0, (2.6, 30.5))
    assert (shown_s[0], trajectory_s[0]) == (0.0, 0.0)
    assert (shown_s[-1], trajectory_s[-1]) == (15.0, 33.0)
    for time_s in (0.0, 2.6, 5.0, 10.1, 12.4, 14.0):
        a, b = np.interp([time_s, time_s + 0.1], shown_s, trajectory_s)
        assert b - a == pytest.approx(0.1)
    assert np.interp(12.5, shown_s, trajectory_s) == pytest.approx(30.5)
    assert np.interp(8.0, shown_s, trajectory_s) > 14.0


@pytest.mark.parametrize(
    ('duration_s', 'doors_s'), [(40.0, (2.6, 30.5)), (5.0, (2.6, 30.5)), (15.0, ())]
)
def test_a_trajectory_with_time_or_without_doors_or_much_too_short_has_one_speed(
    duration_s, doors_s
):
    assert pace(duration_s, 33.0, doors_s) == ([0.0, duration_s], [0.0, 33.0])


class Stub:
    """A source of one name for some seconds."""

    def __init__(self, name, lasts_s):
        self.description, self.lasts_s, self.closed = name, lasts_s, False

    def read(self, time_s):
        return (self.description, time_s) if time_s < self.lasts_s else None

    def close(self):
        self.closed = True


def test_sources_follow_each_other_each_in_its_own_time():
    stubs = [Stub('a', 2.0), Stub('b', 3.0)]
    sequence = SourceSequence(stubs)
    seen = [sequence.read(time_s) for time_s in (0.0, 1.5, 2.5, 4.0, 6.0)]
    assert seen == [('a', 0.0), ('a', 1.5), ('b', 0.0), ('b', 1.5), None]
    sequence.close()
    assert all(stub.closed for stub in stubs)


def test_a_trajectory_needs_numba_and_the_error_names_the_extra(monkeypatch):
    rendering = [name for name in sys.modules if name.startswith('zoedepth_ros.synthetic')]
    for name in rendering:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, 'numba', None)
    with pytest.raises(SourceError, match='extra `train` contains numba'):
        opened('trajectory')
    # Before photographs it is skipped with a warning.
    pytest.importorskip('skimage')
    warnings = []
    source = opened(['trajectory', 'photographs'], warnings=warnings)
    assert source.read(0.0).ground_truth is None
    assert len(warnings) == 1
    assert 'numba' in warnings[0]
    assert 'skipped' in warnings[0]


def test_a_name_states_whether_images_have_ground_truth():
    assert has_ground_truth('trajectory')
    assert has_ground_truth(['trajectory', 'photographs'])
    assert not any(
        has_ground_truth(name) for name in (0, '0', 'photographs', 'trajectory.png', ['a.png'])
    )


class TestRendered:
    @pytest.fixture(autouse=True)
    def numba(self):
        pytest.importorskip('numba')

    def test_images_have_their_camera_and_ground_truth_until_the_end(self):
        source = opened('trajectory', duration_s=15.0, seed=3)
        images = [source.read(time_s) for time_s in (0.0, 7.0, 14.9)]
        assert [image.ground_truth.domain for image in images] == ['indoor', 'outdoor', 'indoor']
        for image in images:
            assert image.rgb.shape == (24, 32, 3)
            assert image.ground_truth.depth_m.shape == (24, 32)
            camera = image.ground_truth.camera
            assert (camera.width, camera.height) == (32, 24)
            assert np.nanmax(image.ground_truth.depth_m) > 0.5
        assert source.read(15.2) is None

    def test_a_trajectory_starts_again_with_loop(self):
        source = opened('trajectory', loop=True, kind='room', duration_s=2.0)
        assert source.read(2.5).name == source.read(0.5).name

    def test_the_last_source_of_a_sequence_loops(self):
        pytest.importorskip('skimage')
        source = opened(['trajectory', 'photographs'], loop=True, kind='room', duration_s=1.0)
        assert source.read(0.9).ground_truth is not None
        assert source.read(1.2).ground_truth is None
        assert source.read(99.0) is not None

    def test_an_unknown_kind_is_an_error_that_lists_them(self):
        with pytest.raises(SourceError, match='room, street, door, step, got .cellar'):
            opened('trajectory', kind='cellar')
