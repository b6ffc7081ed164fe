"""Cameras that look down, up and are rolled, with a network's smooth errors: right or refused."""

import math

import numpy as np
import pytest
import tilted

from zoedepth_ros.geometry.ground import fit_ground, up_from_angles
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.points import depth_to_points
from zoedepth_ros.geometry.rays import rays

RAYS = rays(CameraModel(Intrinsics.from_hfov(160, 120, math.radians(70.0))))
HEIGHT_M = 1.2
SEEDS = range(5)


def fits(room, pitch_deg, roll_deg, noise, **reported):
    depth_m, _ = tilted.look(tilted.ROOMS[room], RAYS, pitch_deg, roll_deg, HEIGHT_M)
    depth_m[depth_m > 10.0] = np.inf
    for seed in SEEDS:
        seen_m = depth_m * tilted.smooth_noise(depth_m.shape, noise, seed)
        yield fit_ground(depth_to_points(seen_m, RAYS), **reported)


def up_of(pitch_deg, roll_deg):
    return up_from_angles(math.radians(pitch_deg), math.radians(roll_deg))


@pytest.mark.parametrize('noise', [0.0, 0.02, 0.05])
@pytest.mark.parametrize(
    ('pitch_deg', 'roll_deg'), [(-60, 0), (-45, 0), (-30, 0), (-25, 0), (-30, 10), (-10, 25)]
)
@pytest.mark.parametrize('room', tilted.ROOMS)
def test_a_tilt_beyond_the_tolerance_that_nobody_configured_is_no_ground(
    room, pitch_deg, roll_deg, noise
):
    found = list(fits(room, pitch_deg, roll_deg, noise))
    assert [fit.trusted for fit in found] == [None] * len(SEEDS)
    others = [fit.other for fit in found if fit.other is not None]
    assert len(others) >= 4  # and most find the floor
    angles_deg = np.degrees([(ground.pitch_rad, ground.roll_rad) for ground in others])
    np.testing.assert_allclose(
        np.median(angles_deg, axis=0), [pitch_deg, roll_deg], atol=2.0 + 120.0 * noise
    )


@pytest.mark.parametrize('noise', [0.0, 0.02, 0.05])
@pytest.mark.parametrize('pitch_deg', [-40, -28, -26, -24, -22, -20, 6])
@pytest.mark.parametrize('roll_deg', [0, 10, 15, 20])
@pytest.mark.parametrize('room', tilted.ROOMS)
def test_around_the_tolerance_a_trusted_plane_is_the_floor(room, pitch_deg, roll_deg, noise):
    """Planes that cut through floor and walls have about as many points below as on them."""
    for fit in fits(room, pitch_deg, roll_deg, noise):
        if fit.trusted is not None:
            apart = np.dot(fit.trusted.up, up_of(pitch_deg, roll_deg))
            assert math.degrees(math.acos(min(1.0, apart))) < 3.0 + 120.0 * noise
            assert fit.trusted.height_m == pytest.approx(HEIGHT_M, rel=0.06 + 3.0 * noise)


@pytest.mark.parametrize(('noise', 'error'), [(0.0, 0.005), (0.02, 0.06), (0.05, 0.15)])
@pytest.mark.parametrize('pitch_deg', [-15, -8, 0])
@pytest.mark.parametrize('roll_deg', [0, 8])
@pytest.mark.parametrize('room', tilted.ROOMS)
def test_a_tilt_within_the_tolerance_is_found(room, pitch_deg, roll_deg, noise, error):
    found = list(fits(room, pitch_deg, roll_deg, noise))
    assert [fit.other for fit in found] == [None] * len(SEEDS)
    heights_m = [fit.trusted.height_m for fit in found if fit.trusted is not None]
    assert len(heights_m) >= len(SEEDS) - (noise > 0.03)  # bent like a plane through a wall
    np.testing.assert_allclose(heights_m, HEIGHT_M, rtol=error)


@pytest.mark.parametrize(('noise', 'error'), [(0.0, 0.005), (0.02, 0.08), (0.05, 0.20)])
@pytest.mark.parametrize('pitch_deg', [-60, -45, -30, -10, 10])
@pytest.mark.parametrize('roll_deg', [0, 10, 20])
@pytest.mark.parametrize('tolerance_deg', [0.0, 20.0])
def test_configured_pitch_and_roll_give_the_height_at_every_tilt(
    pitch_deg, roll_deg, tolerance_deg, noise, error
):
    reported = {'up': up_of(pitch_deg, roll_deg), 'tolerance_rad': math.radians(tolerance_deg)}
    room = 'yard' if pitch_deg > 0 else 'room'
    trusted = [fit.trusted for fit in fits(room, pitch_deg, roll_deg, noise, **reported)]
    heights_m = [ground.height_m for ground in trusted if ground is not None]
    assert len(heights_m) >= 4
    np.testing.assert_allclose(heights_m, HEIGHT_M, rtol=error)


@pytest.mark.parametrize('noise', [0.0, 0.02, 0.05])
@pytest.mark.parametrize('pitch_deg', [-30, -15, 0])
@pytest.mark.parametrize(
    ('roll_deg', 'configured_deg'), [(10, 0), (15, 0), (20, 0), (0, 12), (-12, 0)]
)
def test_a_roll_that_was_configured_wrong_is_reported_and_costs_confidence(
    pitch_deg, roll_deg, configured_deg, noise
):
    reported = {'up': up_of(pitch_deg, configured_deg), 'tolerance_rad': 0.0}
    for fit in fits('room', pitch_deg, roll_deg, noise, **reported):
        assert fit.other is not None
        assert math.degrees(fit.other.roll_rad) == pytest.approx(roll_deg, abs=6.0)
        assert fit.trusted is None or fit.trusted.confidence < 0.6


@pytest.mark.parametrize('configured_deg', [-45, -20])
def test_a_pitch_that_was_configured_wrong_is_reported(configured_deg):
    reported = {'up': up_of(configured_deg, 0), 'tolerance_rad': 0.0}
    for fit in fits('room', -32, 0, 0.02, **reported):
        assert math.degrees(fit.other.pitch_rad) == pytest.approx(-32, abs=4.0)


@pytest.mark.parametrize('noise', [0.0, 0.01, 0.02])
@pytest.mark.parametrize(
    ('room', 'pitch_deg', 'roll_deg', 'wrong_deg'),
    [('room', -35, 15, (3, 2)), ('room', -5, -18, (3, -2)), ('corridor', -45, -19, (-3, 2)),
     ('corridor', -27, 15, (3, -2)), ('yard', -7, -9, (-3, -2)), ('yard', -49, 19, (3, 2))],
)  # fmt: skip
def test_angles_that_were_configured_wrong_by_three_degrees_are_reported(
    room, pitch_deg, roll_deg, wrong_deg, noise
):
    """They cost up to 12 % of the height, and turn a distant floor into obstacles."""
    wrong = up_of(pitch_deg + wrong_deg[0], roll_deg + wrong_deg[1])
    found = list(fits(room, pitch_deg, roll_deg, noise, up=wrong, tolerance_rad=0.0))
    others = [fit.other for fit in found if fit.other is not None]
    assert len(others) >= 4
    angles_deg = np.degrees([(ground.pitch_rad, ground.roll_rad) for ground in others])
    np.testing.assert_allclose(np.median(angles_deg, axis=0), [pitch_deg, roll_deg], atol=1.5)
    right = fits(
        room, pitch_deg, roll_deg, noise, up=up_of(pitch_deg, roll_deg), tolerance_rad=0.0
    )
    assert [fit.other for fit in right] == [None] * len(SEEDS)


@pytest.mark.parametrize('tolerance_deg', [1.0, 3.0])
def test_noise_that_tilts_the_floor_out_of_a_narrow_tolerance_leaves_the_configured_direction(
    tolerance_deg,
):
    reported = {'up': up_of(-15, 0), 'tolerance_rad': math.radians(tolerance_deg)}
    heights_m = [fit.trusted.height_m for fit in fits('room', -15, 0, 0.02, **reported)]
    np.testing.assert_allclose(heights_m, HEIGHT_M, rtol=0.05)


def test_a_strip_of_floor_before_a_wall_is_not_taken_at_the_expected_angle():
    """A level plane through the edge of floor and wall would be at 0.73 of the height."""
    for noise, seeds in ((0.01, [4]), (0.03, [2, 3, 5]), (0.05, [2, 3])):
        depth_m, _ = tilted.look(tilted.Room(front_m=2.0, side_m=2.0), RAYS, -10, 0, HEIGHT_M)
        for seed in seeds:
            seen_m = depth_m * tilted.smooth_noise(depth_m.shape, noise, seed)
            trusted = fit_ground(depth_to_points(seen_m, RAYS)).trusted
            assert trusted is None or trusted.height_m > 0.9 * HEIGHT_M


@pytest.mark.parametrize('pitch_deg', [-20, 0, 15])
def test_a_wall_is_not_a_floor_seen_at_another_pitch(pitch_deg):
    room = tilted.Room(front_m=1.2, side_m=3.0)  # at 0 degrees no floor is in view
    for seed in SEEDS:
        depth_m, _ = tilted.look(room, RAYS, pitch_deg, 0.0, 1.5)
        depth_m *= tilted.smooth_noise(depth_m.shape, 0.02, seed)
        up = up_of(pitch_deg, 0)
        fit = fit_ground(depth_to_points(depth_m, RAYS), up=up)
        assert fit.other is None
        assert fit.trusted is None or fit.trusted.height_m == pytest.approx(1.5, rel=0.1)


@pytest.mark.parametrize('noise', [0.0, 0.01, 0.03])
@pytest.mark.parametrize(
    ('front_m', 'side_m', 'pitch_deg', 'roll_deg', 'hfov_deg'),
    [(3.0, 2.0, -8, 6, 50), (3.0, 5.0, -8, 6, 50), (4.0, 2.0, 8, 6, 70), (4.0, 5.0, 8, 6, 70)],
)
def test_a_plane_through_a_short_strip_of_floor_and_a_wall_is_not_found(
    front_m, side_m, pitch_deg, roll_deg, hfov_deg, noise
):
    """The floor is 6 to 15 % of the image; a plane through it and the wall is up to 1.8 times as
    far below."""
    lens = rays(CameraModel(Intrinsics.from_hfov(128, 96, math.radians(hfov_deg))))
    room = tilted.Room(front_m=front_m, side_m=side_m)
    depth_m, _ = tilted.look(room, lens, pitch_deg, roll_deg, HEIGHT_M)
    for seed in SEEDS:
        seen_m = depth_m * tilted.smooth_noise(depth_m.shape, noise, seed)
        for up in (up_of(pitch_deg, roll_deg), up_of(0, 0)):
            trusted = fit_ground(depth_to_points(seen_m, lens), up=up).trusted
            assert trusted is None or trusted.height_m == pytest.approx(HEIGHT_M, rel=0.15)
