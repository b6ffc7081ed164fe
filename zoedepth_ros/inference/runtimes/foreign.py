"""Predict depth with a network of others, as its contract says; imports no torch."""

from __future__ import annotations

import math
import time
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.rays import ray_cosines, rays
from zoedepth_ros.inference.check_images import check_image
from zoedepth_ros.inference.contract import NCHW, PAD, Contract, ContractError, Threshold
from zoedepth_ros.inference.result import (
    AUTO,
    Convention,
    DepthResult,
    NotFinite,
    Rgb,
    SingleImagePredictor,
    check_head,
    check_rgb,
    metric,
)
from zoedepth_ros.inference.runtimes.agreement import check_reference, expected_blocks
from zoedepth_ros.inference.runtimes.session import Maps, Session
from zoedepth_ros.inference.uncertainty import UncertaintyMaps

Map = NDArray[np.float32]


class Placement(NamedTuple):
    """Where the image lies in the input of the network."""

    height: int
    """Rows of the input [px]."""
    width: int
    """Columns of the input [px]."""
    top: int
    """First row of the image in the input [px]."""
    left: int
    """First column of the image in the input [px]."""
    rows: int
    """Rows of the image in the input [px]."""
    columns: int
    """Columns of the image in the input [px]."""


class ForeignPredictor(SingleImagePredictor):
    """Run a network of others on images; implements DepthPredictor.

    It has one head and no router.
    """

    focal_exponent = 1.0

    def __init__(self, session: Session, contract: Contract, origin: str) -> None:
        """origin: source of the file.  Raises ContractError if the file contradicts it."""
        self.contract = contract
        self.model_name = contract.name
        self.heads: tuple[str, ...] = (contract.domain,)
        self.weights_origin = f'{origin}, licence {contract.license}'
        self.weights_warning = ''
        self.training_hfov_rad = contract.training_hfov_rad
        self.uncertainty_maps: UncertaintyMaps = {}
        self.optimization_note = ''
        self.convention = Convention(
            is_canonical=contract.focal is not None,
            along_ray=contract.along_ray,
            has_uncertainty=bool(contract.spread),
            has_training_camera=contract.training_hfov_rad > 0.0,
        )
        self.device, self.precision = session.device, session.precision
        self.preprocess_ms, self.device_memory_mb = math.nan, math.nan
        self._session, self._origin = session, origin
        low, high = contract.input.range
        mean, std = (
            np.array(each, np.float32) for each in (contract.input.mean, contract.input.std)
        )
        self._scale = np.float32((high - low) / 255.0) / std
        self._offset = (np.float32(low) - mean) / std
        _check_names(session, contract, origin)
        _check_shape(session, contract, origin)

    def network_size(self, height: int, width: int) -> tuple[int, int]:
        """Return (rows, columns) of the input for an image of this size."""
        return self.contract.input.size(height, width)

    def check(self) -> None:
        """Check the depth of a rendered image against the contract and the stored depth.

        Raises ContractError, NotFinite, and DriftError where the file has stored depth.
        """
        image = check_image('street' if self.contract.domain == 'outdoor' else 'room')
        found = self.metric_depth(image.rgb, image.focal_px)
        known_m = found.depth_m[np.isfinite(found.depth_m)]
        if found.sky is not None:
            known_m = found.depth_m[np.isfinite(found.depth_m) & ~found.sky]
        if known_m.size == 0:
            raise ContractError(
                f'{self._origin}: no pixel of the rendered check image has a valid depth: '
                'expected depth above 0 that is not sky and has enough confidence'
            )
        middle_m, (near_m, far_m) = float(np.median(known_m)), self.contract.range_m
        if not near_m <= middle_m <= far_m:
            raise ContractError(
                f'{self._origin}: the median depth of the rendered check image is '
                f'{middle_m:.4g} m, outside head.range {near_m:g} to {far_m:g} m: is the unit, '
                'depth.focal, depth.kind, input.range, mean or std wrong?'
            )
        expected = expected_blocks(self._session.metadata)
        if expected:
            room = self.to_network(check_image('room').rgb)
            check_reference(self._session.run(room), expected, self._origin, self.precision)

    def metric_depth(self, rgb: Rgb, focal_px: float) -> DepthResult:
        """Predict in metres along z for a pinhole camera with a centred principal point."""
        return metric(
            self(rgb),
            fx_px=focal_px,
            fy_px=focal_px,
            cosines=lambda: cosines(focal_px, rgb.shape[0], rgb.shape[1]),
        )

    def warm_up(self, height: int, width: int) -> None:
        """Run once on a grey image of this size; values are not checked."""
        self._session.run(self.to_network(np.full((height, width, 3), 128, np.uint8)))

    def __call__(
        self, rgb: Rgb, head: str = AUTO, *, route: bool = True, depth_only: bool = False
    ) -> DepthResult:
        """Predict the depth of one image; see DepthPredictor.

        Depth that is not positive, and that of too little confidence, is NaN.  Raises NotFinite.
        """
        check_rgb(rgb)
        check_head(head, self.heads)
        start_s = time.perf_counter()
        image, at = self.to_network(rgb), self._placement(rgb.shape[0], rgb.shape[1])
        self.preprocess_ms = 1e3 * (time.perf_counter() - start_s)
        maps, size = self._maps(self._session.run(image), at), (rgb.shape[0], rgb.shape[1])
        contract = self.contract
        depth = _resized(self._known(maps), size)
        if contract.confidence is not None:
            depth[~_where(maps, contract.confidence, size)] = np.nan
        spread = np.full_like(depth, np.nan)
        if contract.spread:
            spread = np.maximum(_resized(maps[contract.spread], size), np.float32(0.0))
        return DepthResult(
            depth_m=depth,
            uncertainty_m=spread,
            relative_depth=np.float32(1.0) / depth,
            head=contract.domain,
            router_probabilities={},
            largest_m=contract.range_m[1],
            sky=None if contract.sky is None else _where(maps, contract.sky, size),
            along_ray=contract.along_ray,
            per_focal_px=self._per_focal_px(rgb.shape[0], rgb.shape[1]),
        )

    def to_network(self, rgb: Rgb) -> NDArray[np.float32]:
        """Return the input for an image (H, W, 3): resized, padded and normalised."""
        at, layout = self._placement(rgb.shape[0], rgb.shape[1]), self.contract.input.layout
        smaller = at.rows <= rgb.shape[0] and at.columns <= rgb.shape[1]
        method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        pixels = cv2.resize(np.ascontiguousarray(rgb), (at.columns, at.rows), interpolation=method)
        if self.contract.input.color == 'BGR':
            pixels = pixels[..., ::-1]
        image = np.zeros((1, at.height, at.width, 3), np.float32)
        inside = image[0, at.top : at.top + at.rows, at.left : at.left + at.columns]
        np.multiply(pixels, self._scale, out=inside)
        inside += self._offset
        return image if layout != NCHW else np.ascontiguousarray(image.transpose(0, 3, 1, 2))

    def outputs(self, rgb: Rgb) -> dict[str, Map]:
        """Return the outputs that the contract names as they are, without the padding."""
        at = self._placement(rgb.shape[0], rgb.shape[1])
        return self._maps(self._session.run(self.to_network(rgb)), at)

    def _maps(self, outputs: Maps, at: Placement) -> dict[str, Map]:
        """Return the outputs that the contract names, without the padding.

        Raises ContractError for another shape or type, NotFinite.
        """
        return {name: self._map(name, outputs[name], at) for name in output_names(self.contract)}

    def _known(self, maps: dict[str, Map]) -> Map:
        """Return the depth output with NaN where it is not positive or of too little confidence.

        Before it is resized, so that no pixel is a mean of depth and of what is none.
        """
        depth, rule = maps[self.contract.depth], self.contract.confidence
        known = depth > 0.0
        if rule is not None:
            known &= _where(maps, rule, depth.shape)
        return np.where(known, depth, np.float32(np.nan))

    def _placement(self, height: int, width: int) -> Placement:
        rows, columns = self.network_size(height, width)
        if self.contract.input.resize != PAD:
            return Placement(rows, columns, 0, 0, rows, columns)
        scale = min(rows / height, columns / width)
        inner = tuple(max(1, math.floor(scale * side + 0.5)) for side in (height, width))
        top, left = (rows - inner[0]) // 2, (columns - inner[1]) // 2
        return Placement(rows, columns, top, left, inner[0], inner[1])

    def _per_focal_px(self, height: int, width: int) -> tuple[float, float] | None:
        focal, at = self.contract.focal, self._placement(height, width)
        return None if focal is None else focal.per_focal_px(at.columns / width, at.rows / height)

    def _map(self, name: str, output: NDArray, at: Placement) -> Map:
        """Return one output as a map of the image in the input.

        Raises ContractError for another shape or type, NotFinite.
        """
        values = np.asarray(output)
        measures = name in (self.contract.depth, self.contract.spread)
        if values.dtype.kind not in ('f' if measures else 'fbiu'):
            raise ContractError(
                f'{self._origin}: output {name} is of type {values.dtype}: expected '
                + ('float32 or float16' if measures else 'a floating-point, integer or bool type')
            )
        flat = np.squeeze(values.astype(np.float32))
        expected = f'expected a map with the aspect ratio of the input, {at.height} x {at.width}'
        if flat.ndim != 2 or flat.size == 0:
            raise ContractError(
                f'{self._origin}: output {name} has the shape {values.shape}: {expected}'
            )
        scale_y, scale_x = flat.shape[0] / at.height, flat.shape[1] / at.width
        if abs(flat.shape[0] - scale_x * at.height) > 1.0 + 1e-3 * flat.shape[0]:
            raise ContractError(
                f'{self._origin}: output {name} is a map of {flat.shape[0]} x {flat.shape[1]}: '
                f'{expected}'
            )
        if not math.isfinite(float(flat.sum(dtype=np.float64))):
            raise NotFinite(f'{self._origin}: output {name} has values that are not finite')
        if (at.rows, at.columns) == (at.height, at.width):
            return flat
        edges = (scale_y * at.top, scale_x * at.left, scale_y * at.rows, scale_x * at.columns)
        if not all(edge.is_integer() for edge in edges):  # the image ends within its pixels
            flat, scale_y, scale_x = _resized(flat, (at.height, at.width)), 1.0, 1.0
        top, left = round(scale_y * at.top), round(scale_x * at.left)
        bottom, right = top + round(scale_y * at.rows), left + round(scale_x * at.columns)
        return flat[top:bottom, left:right]


def cosines(focal_px: float, height: int, width: int) -> Map:
    """Return z of the unit vector of each ray, (H, W), for a centred principal point."""
    center = 0.5 * (width - 1), 0.5 * (height - 1)
    return ray_cosines(rays(CameraModel(Intrinsics(focal_px, focal_px, *center, width, height))))


def _resized(values: Map, size: tuple[int, ...]) -> Map:
    """Return a map at another size (rows, columns); NaN spreads to all that it contributes to."""
    inner = np.ascontiguousarray(values)
    return cv2.resize(inner, size[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)


def output_names(contract: Contract) -> tuple[str, ...]:
    """Return the outputs that a contract uses, each once."""
    parts = (contract.sky, contract.confidence)
    names = (contract.depth, contract.spread, *(part.output for part in parts if part))
    return tuple(dict.fromkeys(name for name in names if name))


def _where(maps: dict[str, Map], rule: Threshold, size: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return where a rule holds at a size (rows, columns)."""
    values = _resized(maps[rule.output], size)
    return values > rule.limit if rule.above else values < rule.limit


def _check_names(session: Session, contract: Contract, origin: str) -> None:
    """Raise ContractError for inputs and outputs that the file does not have."""
    if len(session.inputs) != 1:
        raise ContractError(
            f'{origin} has the inputs {", ".join(session.inputs)}: expected a single input, the '
            'image'
        )
    (name,) = session.inputs
    if contract.input.name not in ('', name):
        raise ContractError(
            f'{origin} has the input {name}, expected {contract.input.name} as in the contract'
        )
    missing = [name for name in output_names(contract) if name not in session.outputs]
    if missing:
        raise ContractError(
            f'{origin} has no output {missing[0]}; the outputs of the file are '
            f'{", ".join(session.outputs)}'
        )


def _check_shape(session: Session, contract: Contract, origin: str) -> None:
    """Raise ContractError for an input of another layout or size."""
    (shape,) = session.inputs.values()
    wanted = contract.input
    sides = (wanted.height or -1, wanted.width or -1)
    expected = (1, 3, *sides) if wanted.layout == NCHW else (1, *sides, 3)
    problem = len(shape) != 4
    for found, own in zip(shape, expected, strict=False):
        problem |= found != -1 and found != own  # -1: not fixed in the file
    if problem:
        sides_found = ' x '.join('any' if side == -1 else str(side) for side in shape)
        text = sides_found or 'an unknown number of dimensions'
        own_text = ' x '.join('any' if side == -1 else str(side) for side in expected)
        raise ContractError(
            f'{origin} has an input of {text}, but the contract of the file says '
            f'{own_text} ({wanted.layout})'
        )
