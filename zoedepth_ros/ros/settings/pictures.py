"""What comes in: pictures, the camera they are from, and which head they are for."""

from __future__ import annotations

from dataclasses import dataclass

from zoedepth_ros.geometry.field_of_view import (
    NARROWEST_DEG,
    NARROWEST_RAD,
    WIDEST_DEG,
    WIDEST_RAD,
)
from zoedepth_ros.geometry.rectification import CHOICES
from zoedepth_ros.media.brightness import LEAST_BITS, MOST_BITS
from zoedepth_ros.ros.settings.parameter import MAX_RATE_HZ, parameter


def _why_no_field_of_view(value: float) -> str | None:
    if value == 0.0 or NARROWEST_RAD <= value <= WIDEST_RAD:
        return None
    degrees = f'{NARROWEST_DEG:g} to {WIDEST_DEG:g} degrees'
    return f'expected 0.0, or {NARROWEST_RAD:.3f} to {WIDEST_RAD:.3f} rad ({degrees})'


def _why_no_bits(value: int) -> str | None:
    return None if value == 0 or value >= LEAST_BITS else f'expected 0, or {LEAST_BITS} or more'


@dataclass(frozen=True)
class PictureSettings:
    """Which pictures are taken, what is known of the camera, which head measures."""

    __slots__ = ()
    image_transport: str = parameter(
        'image_transport',
        'raw',
        "Take pictures from the image topic ('raw') or its /compressed sibling.",
        choices=('raw', 'compressed'),
        changeable='inactive',
    )
    max_image_age_s: float = parameter(
        'max_image_age',
        0.5,
        'Pictures older than this, or as far ahead of the clock, are dropped and counted [s, '
        "node's clock]; 0.0 takes any.",
        low=0.0,
        high=3600.0,
    )
    camera_hfov_rad: float = parameter(
        'camera.hfov',
        0.0,
        'Horizontal field of view to assume without camera_info [rad]; 0.0 waits for it.',
        low=0.0,
        high=3.0,
        check=_why_no_field_of_view,
    )
    camera_height_m: float = parameter(
        'camera.height',
        0.0,
        'Height of the camera above the floor [m]; 0.0 is unknown.',
        low=0.0,
        high=100.0,
    )
    camera_base_frame: str = parameter(
        'camera.base_frame',
        '',
        'Frame whose z axis is up, such as base_link: TF tells the pitch and roll of the camera; '
        'empty: camera.pitch and camera.roll do.',
        changeable='inactive',
    )
    camera_pitch_rad: float = parameter(
        'camera.pitch',
        0.0,
        'Angle of the optical axis above the horizon, where TF does not tell it [rad].',
        low=-1.5,
        high=1.5,
    )
    camera_roll_rad: float = parameter(
        'camera.roll',
        0.0,
        'Clockwise turn of the camera about its optical axis, seen from behind, where TF does not '
        'tell it [rad].',
        low=-3.2,
        high=3.2,
    )
    camera_pitch_tolerance_rad: float = parameter(
        'camera.pitch_tolerance',
        0.35,
        'How far pitch and roll may be from these [rad]; a floor beyond is not taken. 0.0 trusts '
        'them and finds the height alone.',
        low=0.0,
        high=1.5,
    )
    camera_training_hfov_rad: float = parameter(
        'camera.training_hfov',
        0.0,
        'Field of view of the camera that the weights learnt through [rad]; 0.0 is what they say, '
        "else NYU's and KITTI's.",
        low=0.0,
        high=3.0,
        check=_why_no_field_of_view,
    )
    camera_rectified: str = parameter(
        'camera.rectified',
        'auto',
        'Whether images are rectified (P) or raw (K with D); auto: by camera_info (D 0, P equal '
        "to K) and the words of the image topic's name ('image_rect', 'rect/image', 'image_raw').",
        choices=CHOICES,
    )
    camera_bits: int = parameter(
        'camera.bits',
        0,
        'Significant bits of 16-bit images (mono16, bayer_rggb16, 16-bit PNG), 8 to 16 [bits]; 0 '
        'is the fewest of 8, 10, 12, 14 and 16 that hold the largest value so far.',
        low=0,
        high=MOST_BITS,
        check=_why_no_bits,
    )
    router_mode: str = parameter(
        'router.mode',
        'auto',
        'Which head measures: auto asks the router, a name forces that head.',
        choices=('auto', 'indoor', 'outdoor'),
    )
    router_rate_hz: float = parameter(
        'router.rate',
        2.0,
        'How often the router is asked and `domain` published [Hz]; 0.0 is with every frame.',
        low=0.0,
        high=MAX_RATE_HZ,
    )
    router_smoothing: float = parameter(
        'router.smoothing',
        0.5,
        "Weight of the past in the running mean of the router's probabilities, 0 to 0.99.",
        low=0.0,
        high=0.99,
    )
    router_hysteresis: float = parameter(
        'router.hysteresis',
        0.15,
        'How much more probable the other head must be before it takes over, 0 to 0.99.',
        low=0.0,
        high=0.99,
    )
    router_min_dwell_s: float = parameter(
        'router.min_dwell', 1.0, 'A head stays at least this long [s].', low=0.0, high=3600.0
    )
    router_handover_s: float = parameter(
        'router.handover',
        0.0,
        "Time constant with which a new head's own scale takes over [s]; 0.0 is at once.",
        low=0.0,
        high=60.0,
    )
