"""Everything that happens to one camera's images apart from the network."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.canonical import OFF
from zoedepth_ros.geometry.filters import (
    decimate,
    depth_for_points,
    mask_beyond,
    without_uncertain,
    write_depth,
)
from zoedepth_ros.geometry.ground import Up
from zoedepth_ros.geometry.scale import DepthPairs, is_unusual
from zoedepth_ros.geometry.sky import sky_mask, with_infinite_sky
from zoedepth_ros.inference.result import AUTO, DepthPredictor, DepthResult, convention_of
from zoedepth_ros.media.color import color_range_m, depth_to_bgr
from zoedepth_ros.pipeline import outputs
from zoedepth_ros.pipeline.clouds import CALIBRATION_RATE_HZ, Clouds
from zoedepth_ros.pipeline.head_policy import HeadPolicy
from zoedepth_ros.pipeline.motion_depth import NO_POSE, MotionDepth, Poses
from zoedepth_ros.pipeline.outputs import (
    Buffers,
    ColorImage,
    DepthImage,
    Domain,
    Output,
    Uncertainty,
)
from zoedepth_ros.pipeline.request import (
    FrameContext,
    OutputsDue,
    RateLimiter,
    Request,
    Schedule,
    all_due,
    correction_in_use,
    measured_to_m,
    why_unfit,
)
from zoedepth_ros.pipeline.resumable import Resumable
from zoedepth_ros.pipeline.scaling import ScaleReport, Scaling
from zoedepth_ros.pipeline.settings import PipelineSettings

OUTDOOR = 'outdoor'

SHAPE_RATE_HZ = 10.0
"""Rate of comparisons while they correct the shape, which changes with the image [Hz]."""

LARGEST_ROLL_RAD = math.radians(30.0)
"""Largest plausible roll of a camera, upright, on its side or upside down."""

Map = NDArray[np.float32]
Compare = Callable[[Map, Camera], DepthPairs]
"""Gives true and measured depth where another sensor measures too, for depth (H, W) with NaN where
it is not to be compared."""


class CameraPipeline(Resumable):
    """Turn the images of one camera and their predicted depth into outputs.

    Keeps what depends on earlier images: rates, head, scale, ground plane, filters. Use for each
    image in turn `prepare`, `request.predict` and `process`. Not for two threads at a time.
    """

    KEPT = ('policy', '_started', '_schedule', '_scaling', '_comparison', '_motion', '_clouds')

    def __init__(
        self,
        predictor: DepthPredictor,
        settings: PipelineSettings,
        buffers: Buffers | None = None,
    ) -> None:
        """predictor: what predicts the depth; only its metadata is used.

        buffers: memory that outputs are written into; by default the pipeline's own.  Raises
        ValueError for settings that do not fit the predictor, and ValueError and OSError for a
        scale.file that cannot be used.
        """
        reason = why_unfit(settings, predictor)
        if reason is not None:
            raise ValueError(reason)
        self.settings = settings
        """Settings for images from now on; may be replaced between images."""
        self.input_size = (0, 0)
        """Height and width of the network's input for the latest image [px]; zeros before it."""
        self.lacks_camera = False
        """Whether the latest depth is uncorrected because its camera is unknown."""
        self._range_notice = ''
        self.policy = HeadPolicy(predictor.heads, settings)
        """Which head measures."""
        self._predictor, self._convention = predictor, convention_of(predictor)
        self._scaling = Scaling(predictor.heads, settings)
        self._schedule = Schedule()
        self._buffers = Buffers() if buffers is None else buffers
        self._clouds = Clouds(self._scaling, self._buffers)
        self._comparison = RateLimiter(CALIBRATION_RATE_HZ)
        self._motion = MotionDepth()
        self._started = False

    # ---- before the network ----------------------------------------------------------------

    def due(self, now_s: float, requested: frozenset[str]) -> OutputsDue:
        """Return which of the outputs requested are due at their rates; changes nothing."""
        return self._schedule.due(now_s, requested, self.settings)

    def prepare(
        self,
        rgb: NDArray[np.uint8],
        camera: Camera | None,
        now_s: float,
        requested: OutputsDue | Collection[str],
    ) -> Request | None:
        """Decide how the depth of an image is predicted; None when no output is due.

        rgb: (H, W, 3).  camera: None if unknown, which leaves out what needs it.  now_s: when the
        image arrived, on a clock that may jump back [s].  requested: what `due` returned, or names
        of outputs that are made whatever their rate.
        """
        due = requested if isinstance(requested, OutputsDue) else all_due(requested)
        self._schedule.done(due, now_s)
        at = self.settings
        hfov_rad = at.camera_training_hfov_rad or self._predictor.training_hfov_rad
        known = camera is not None
        correction = correction_in_use(at.focal_correction, hfov_rad, camera_known=known)
        self.lacks_camera = hfov_rad > 0.0 and not known and at.focal_correction == AUTO
        if not known:
            due = due.without_camera(depth=correction == OFF and not self._convention.needs_camera)
        if not due.needs_network:
            return None
        self.policy.settings = at
        head = self.policy.head if self.is_forced or self._started else AUTO
        route = due.router and (due.domain or not self.is_forced)
        return Request(
            rgb=rgb,
            camera=camera,
            due=due,
            settings=at,
            now_s=now_s,
            head=head,
            route=route,
            correction=correction,
            training_hfov_rad=hfov_rad,
            focal_exponent=self._predictor.focal_exponent,
        )

    # ---- after the network -----------------------------------------------------------------

    def process(
        self,
        request: Request,
        result: DepthResult,
        *,
        up: Up | None = None,
        compare: Compare | None = None,
        poses: Poses | None = None,
    ) -> Iterator[Output]:
        """Yield the outputs that are due, depth first; consume all of them.

        result: the prediction for `request`.  up: unit vector away from the ground in the optical
        frame, by another sensor.  compare: compares depth with another sensor, if scale.source
        names one.  poses: gives the pose of the camera, for scale.source motion.  An output is
        valid until the next image is processed.
        """
        due, at, now_s = request.due, request.settings, request.now_s
        self._started = True
        self.policy.update(result.router_probabilities, now_s)
        self.input_size = self._predictor.network_size(*request.rgb.shape[:2])
        if due.domain:
            yield self._domain(result)
        if not (due.depth or due.clouds):
            return
        self._clouds.ground_segmentation.measured_up = up
        result = request.in_own_camera(result)
        factor, measured_m = self._scaled(request, result)
        range_m = factor * result.range_m
        self._range_notice = _why_nothing_is_in_range(at, result.head, range_m)
        limit_m = measured_to_m(at, range_m)
        if at.scale_source == 'motion' and poses is not None:
            compare = self._by_motion(request, factor, poses)
        if compare is not None and request.camera is not None:
            self._compare(request, result, measured_m, factor, compare)
        shape, by_place = self._scaling.shape, None
        if shape is not None:
            by_place = shape.factors(result.depth_m)
            measured_m = measured_m * by_place
            result = replace(result, pack_cloud=None)  # which has no shape
        depth_m = measured_m
        if outputs.UNCERTAINTY in due.depth or at.filter_max_uncertainty_m > 0.0:
            std_m = self._std_m(result, factor, by_place)
            depth_m = without_uncertain(measured_m, std_m, at.filter_max_uncertainty_m)
        sky = result.sky if at.filter_sky else None
        if sky is not None:
            depth_m = with_infinite_sky(depth_m, sky)
        context = points_std_m = None
        if at.cloud_uncertainty and due.clouds:
            points_std_m = self._std_m(result, factor, by_place, at.cloud_decimation)
        if request.camera is not None:
            context = FrameContext(
                request=request,
                result=result,
                camera=request.camera,
                depth_m=depth_m,
                seen_m=measured_m,
                factor=factor,
                sky=sky,
                measured_to_m=limit_m,
                network_width=self.input_size[1],
                std_m=points_std_m,
            )
            if result.sky is None:
                context = self._with_sky(measured_m, context)
            depth_m = context.depth_m
        if outputs.DEPTH in due.depth:
            yield self._depth_image(depth_m, at, result.head, limit_m)
        if outputs.UNCERTAINTY in due.depth:
            pixels = self._buffers.array(outputs.UNCERTAINTY, depth_m.shape, np.float32)
            np.copyto(pixels, std_m)
            yield Uncertainty(pixels)
        self._clouds.follow(request, depth_m, result.head)
        if context is not None:
            yield from self._clouds.make(context)
        if outputs.COLOR in due.depth:
            yield ColorImage(depth_to_bgr(depth_m, *color_range_m(result.head, result.range_m)))

    def _scaled(self, request: Request, result: DepthResult) -> tuple[float, Map]:
        """Return the factor on depth, and depth times it."""
        factor = np.float32(
            self._scaling.factor(
                result,
                request.rgb,
                request.settings,
                request.now_s,
                focal_factor=request.focal_factor(result.head),
            )
        )
        return float(factor), result.depth_m if factor == 1.0 else result.depth_m * factor

    def _std_m(
        self, result: DepthResult, factor: float, by_place: Map | None = None, stride: int = 1
    ) -> Map:
        """Return the standard deviation of depth, scaled, of every n-th row and column [m].

        by_place: further factors (H, W).
        """
        depth_m, spread_m = (decimate(x, stride) for x in (result.depth_m, result.uncertainty_m))
        fitted = self._predictor.uncertainty_maps.get(result.head)
        std_m = spread_m if fitted is None else fitted.std_m(depth_m, spread_m)
        std_m = std_m * np.float32(factor)
        return std_m if by_place is None else std_m * decimate(by_place, stride)

    def _compare(
        self,
        request: Request,
        result: DepthResult,
        depth_m: Map,
        factor: float,
        compare: Compare,
    ) -> None:
        """Use another sensor's depth to estimate scale and shape; depth_m: with one factor."""
        at, now_s = request.settings, request.now_s
        assert request.camera is not None
        shaped = at.scale_shape == 'curve'
        self._comparison.set_rate(SHAPE_RATE_HZ if shaped else CALIBRATION_RATE_HZ)
        is_due = self._comparison.is_due(now_s)
        if not is_due and at.scale_source != 'motion':  # which follows corners through all images
            return
        if is_due:
            self._comparison.take(now_s)
        certain_m = depth_m
        if at.filter_max_uncertainty_m > 0.0:
            std_m = self._std_m(result, factor)
            certain_m = without_uncertain(depth_m, std_m, at.filter_max_uncertainty_m)
        few_m = depth_for_points(
            certain_m,
            min_m=at.depth_min_m,
            edges=at.filter_edge,
            network_width=self.input_size[1],
        )
        limit_m = measured_to_m(at, factor * result.range_m)
        pairs = compare(mask_beyond(few_m, limit_m), request.camera)
        self._scaling.observe_ratios(pairs.ratios, now_s)
        if shaped and is_due:
            self._scaling.observe_shape(pairs, depth_m.shape, now_s)

    def _by_motion(self, request: Request, factor: float, poses: Poses) -> Compare:
        """Return what compares depth with corners that are triangulated."""

        def compare(depth_m: Map, camera: Camera) -> DepthPairs:
            network_m = depth_m / np.float32(factor)
            return self._motion.pairs(request.rgb, network_m, camera, poses).scaled(factor)

        return compare

    def _with_sky(self, measured_m: Map, context: FrameContext) -> FrameContext:
        """Mark the sky, in depth before the uncertainty filter: uncertain pixels may be sky."""
        if not context.request.settings.filter_sky or context.result.head != OUTDOOR:
            return context
        up, fit = self._clouds.up_for_sky(context)
        mask = sky_mask(
            measured_m, OUTDOOR, rays=context.camera.rays(), up=up, rgb=context.request.rgb
        )
        if not mask.any():
            return replace(context, fit=fit)
        depth_m = with_infinite_sky(context.depth_m, mask)
        return replace(context, depth_m=depth_m, sky=mask, fit=fit)

    def _depth_image(
        self, depth_m: Map, at: PipelineSettings, head: str, limit_m: float
    ) -> DepthImage:
        dtype = np.uint16 if at.depth_encoding == '16UC1' else np.float32
        pixels = self._buffers.array(outputs.DEPTH, depth_m.shape, dtype)
        write_depth(depth_m, pixels, min_m=at.depth_min_m, max_m=at.depth_max_m)
        return DepthImage(pixels, at.depth_encoding, head, limit_m)

    def _domain(self, result: DepthResult) -> Domain:
        return Domain(
            head=self.policy.head,
            probabilities=result.router_probabilities,
            forced=self.is_forced,
            last_switch_s=max(0.0, self.policy.last_switch_s or 0.0),
        )

    # ---- what is known so far --------------------------------------------------------------

    @property
    def head(self) -> str:
        """The head in use; '' before the first image."""
        return self.policy.head if self._started else ''

    @property
    def is_forced(self) -> bool:
        """Whether the router has no influence on the head."""
        return self.policy.settings.router_mode != AUTO or len(self._predictor.heads) == 1

    @property
    def is_router_uncertain(self) -> bool:
        """Whether the probabilities are so close that the head is kept."""
        shares = sorted(self.policy.smoothed.values())
        return len(shares) > 1 and shares[-1] - shares[-2] < self.settings.router_hysteresis

    @property
    def scale(self) -> ScaleReport:
        """The scale of the head in use."""
        note = self._motion.note if self.settings.scale_source == 'motion' else ''
        return self._scaling.report(self._clouds.ground_segmentation.ground, note)

    @property
    def scale_notice(self) -> str:
        """What is doubtful about the scale, or why it cannot be estimated; '' for nothing."""
        at, scale = self.settings, self.scale.state
        if at.scale_source == 'height' and at.camera_height_m <= 0.0:
            return (
                "scale.source 'height' estimates no scale, because camera.height is 0: set "
                'camera.height'
            )
        compares = at.scale_source not in ('off', 'height')
        found = [self.motion_notice, self._scaling.notice if compares else '']
        known = {'depth.scale': at.depth_scale}
        if scale.confidence > 0.0 and at.scale_source != 'height':  # see ground_notice
            name = 'scale.file' if at.scale_source == 'off' else f'scale.source {at.scale_source}'
            known[f'the scale from {name}'] = scale.target
        found += [
            f'{name} is {value:.3g}, which is unusual: check that distances are in metres'
            for name, value in known.items()
            if is_unusual(value, by_height=False)
        ]
        return '; '.join(filter(None, found))

    @property
    def motion_notice(self) -> str:
        """Why scale.source motion cannot work, in words; '' if it can."""
        if self.settings.scale_source != 'motion' or self._motion.has_pose:
            return ''
        return NO_POSE.format(self.settings.scale_odometry_frame)

    @property
    def ground_notice(self) -> str:
        """How images contradict the expected ground plane, in words; '' if they do not."""
        found = self._clouds.ground_segmentation.notice
        if self.settings.scale_source != 'height':
            return found
        scale = self.scale.state
        if scale.confidence > 0.0 and is_unusual(scale.target, by_height=True):
            doubt = (
                f'the scale from camera.height is {scale.target:.2f}, which is unusual: check '
                'that the floor is in view and not a table'
            )
            found = '; '.join(filter(None, (found, doubt)))
        return found

    @property
    def notices(self) -> dict[str, str]:
        """What is doubtful about the outputs of the latest image, by subject, in words."""
        found = {
            'ground': self.ground_notice,
            'scale': self.scale_notice,
            'angles': self._angles_notice,
            'depth.min': self._range_notice,
            'scan': self._clouds.scan_notice,
        }
        return {subject: text for subject, text in found.items() if text}

    @property
    def _angles_notice(self) -> str:
        at, segmentation = self.settings, self._clouds.ground_segmentation
        angles_rad = {'camera.pitch_tolerance': at.camera_pitch_tolerance_rad}
        if segmentation.measured_up is None and not segmentation.confirms:
            angles_rad['camera.pitch'] = at.camera_pitch_rad
            angles_rad['camera.roll'] = at.camera_roll_rad
        return _likely_degrees(angles_rad)

    @property
    def assumption(self) -> str:
        """What is taken for the floor without being known, in words; '' for nothing."""
        is_known = self.settings.camera_height_m > 0.0
        if is_known or self._clouds.ground_segmentation.ground is None:
            return ''
        return (
            'the lowest large plane in view is used as the floor; set camera.height, so that a '
            'table that hides the floor is not mistaken for the floor'
        )

    def save_scale(self) -> str:
        """Write the scales to scale.file and return its name; raises ValueError or OSError."""
        return self._scaling.save(self.settings.scale_file)


def _why_nothing_is_in_range(at: PipelineSettings, head: str, range_m: float) -> str:
    """Return why there is no depth at all, or no points, in words; '' if there can be.

    range_m: largest depth that the head measures.
    """
    least_m = at.depth_min_m
    if least_m >= range_m:
        return (
            f'no depth: depth.min is {least_m:.3g} m, but the head {head} measures up to '
            f'{range_m:.3g} m'
        )
    if 0.0 < at.cloud_max_range_m <= least_m:
        return (
            f'no points: depth.min is {least_m:.3g} m, but cloud.max_range is '
            f'{at.cloud_max_range_m:.3g} m'
        )
    return ''


def _likely_degrees(angles_rad: Mapping[str, float]) -> str:
    """Return which angles may have been meant in degrees, in words; '' for none.

    These are whole numbers, and a roll far from a multiple of 90 degrees.
    """
    found = []
    for name, rad in angles_rad.items():
        off_rad = abs(math.remainder(rad, 0.5 * math.pi)) if name == 'camera.roll' else 0.0
        if rad != 0.0 and (rad.is_integer() or off_rad > LARGEST_ROLL_RAD):
            found.append(
                f'{name} is {rad:g} rad, {math.degrees(rad):.0f} degrees: {rad:g} degrees would '
                f'be {math.radians(rad):.4f} rad'
            )
    return '; '.join(found)
