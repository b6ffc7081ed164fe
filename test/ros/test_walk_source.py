import sys

import numpy as np
import pytest

from zoedepth_ros.demo.sources.chain import Chain
from zoedepth_ros.demo.sources.image import SourceError
from zoedepth_ros.demo.sources.open_source import WalkPlan, names_walk, open_source
from zoedepth_ros.demo.sources.trajectory import pace


def opened(source, *, loop=False, warnings=None, **plan):
    warn = warnings.append if warnings is not None else lambda text: None
    walk = WalkPlan(**{'width': 32, **plan})
    return open_source(source, loop=loop, dwell_s=1.0, warn=warn, walk=walk)


def test_a_hurried_walk_keeps_its_pace_around_its_doors():
    # 33 s with doors at 2.6 s and 30.5 s, shown in 15 s: what remains is hurried through.
    shown_s, walked_s = pace(15.0, 33.0, (2.6, 30.5))
    assert (shown_s[0], walked_s[0]) == (0.0, 0.0)
    assert (shown_s[-1], walked_s[-1]) == (15.0, 33.0)
    for time_s in (0.0, 2.6, 5.0, 10.1, 12.4, 14.0):
        a, b = np.interp([time_s, time_s + 0.1], shown_s, walked_s)
        assert b - a == pytest.approx(0.1)
    assert np.interp(12.5, shown_s, walked_s) == pytest.approx(30.5)
    assert np.interp(8.0, shown_s, walked_s) > 14.0


@pytest.mark.parametrize(
    ('duration_s', 'doors_s'), [(40.0, (2.6, 30.5)), (5.0, (2.6, 30.5)), (15.0, ())]
)
def test_a_walk_with_time_or_without_doors_or_far_too_short_has_one_pace(duration_s, doors_s):
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
    chain = Chain(stubs)
    seen = [chain.read(time_s) for time_s in (0.0, 1.5, 2.5, 4.0, 6.0)]
    assert seen == [('a', 0.0), ('a', 1.5), ('b', 0.0), ('b', 1.5), None]
    chain.close()
    assert all(stub.closed for stub in stubs)


def test_a_walk_needs_numba_and_says_where_it_comes_from(monkeypatch):
    drawing = [name for name in sys.modules if name.startswith('zoedepth_ros.synthetic')]
    for name in drawing:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, 'numba', None)
    with pytest.raises(SourceError, match='numba comes with the extra `train`'):
        opened('walk')
    # Before photographs it is left out, which is said.
    pytest.importorskip('skimage')
    warnings = []
    source = opened(['walk', 'photographs'], warnings=warnings)
    assert source.read(0.0).truth is None
    assert len(warnings) == 1
    assert 'numba' in warnings[0]
    assert 'left out' in warnings[0]


def test_a_name_says_whether_truth_comes_with_the_pictures():
    assert names_walk('walk')
    assert names_walk(['walk', 'photographs'])
    assert not any(names_walk(name) for name in (0, '0', 'photographs', 'walk.png', ['a.png']))


class TestDrawn:
    @pytest.fixture(autouse=True)
    def drawing(self):
        pytest.importorskip('numba')

    def test_pictures_come_with_their_camera_and_truth_and_end(self):
        source = opened('walk', duration_s=15.0, seed=3)
        pictures = [source.read(time_s) for time_s in (0.0, 7.0, 14.9)]
        assert [picture.truth.domain for picture in pictures] == ['indoor', 'outdoor', 'indoor']
        for picture in pictures:
            assert picture.rgb.shape == (24, 32, 3)
            assert picture.truth.depth_m.shape == (24, 32)
            assert (picture.camera.width, picture.camera.height) == (32, 24)
            assert np.nanmax(picture.truth.depth_m) > 0.5
        assert source.read(15.2) is None

    def test_a_walk_begins_again_when_it_loops(self):
        source = opened('walk', loop=True, kind='room', duration_s=2.0)
        assert source.read(2.5).name == source.read(0.5).name

    def test_the_last_of_a_row_goes_on(self):
        pytest.importorskip('skimage')
        source = opened(['walk', 'photographs'], loop=True, kind='room', duration_s=1.0)
        assert source.read(0.9).truth is not None
        assert source.read(1.2).truth is None
        assert source.read(99.0) is not None

    def test_an_unknown_kind_is_an_error_that_lists_them(self):
        with pytest.raises(SourceError, match='room, street, door, got .cellar'):
            opened('walk', kind='cellar')
