"""Test what a network of others says of itself, on rendered images whose depth is known.

A doubt is what a correct network may do too; what is broken contradicts the contract.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.inference.check_images import SIZE, CheckImage, check_image
from zoedepth_ros.inference.contract import ContractError
from zoedepth_ros.inference.result import DepthResult, InferenceError
from zoedepth_ros.inference.runtimes.foreign import ForeignPredictor, cosines

OK, DOUBT, BROKEN = 'ok', 'DOUBT', 'BROKEN'

_FEW, _MANY = 0.01, 0.1
"""Shares of pixels with unusable values above which there is a doubt, and a broken contract."""
_NEAR_SCALE, _FAR_SCALE = 3.0, 50.0
"""Factors between predicted and true median that are a doubt, and a wrong unit."""
_REVERSED = -0.7
"""Rank correlation with the true depth below which the output is inverse depth."""
_BENT = 0.02
"""Smallest error, as the deviation of a logarithm, in which z and ray can be told apart."""
_SAME_DEPTH = 1.5
"""Factor that the depth may change by if the image is enlarged."""


class Finding(NamedTuple):
    """One result of the examination."""

    level: str
    """'ok', 'DOUBT' or 'BROKEN'."""
    text: str
    """What was found."""


class Examined(NamedTuple):
    """The findings, and the depth of the images."""

    findings: list[Finding]
    """In the order of the tests."""
    depths: dict[str, NDArray[np.float32]]
    """Image ('room', 'street') -> depth along z (480, 640) [m], +inf for sky, NaN for unknown."""

    @property
    def levels(self) -> set[str]:
        """Levels of the findings."""
        return {finding.level for finding in self.findings}


def examine(predictor: ForeignPredictor) -> Examined:
    """Run the network on the images for its domain.

    Raises ContractError for outputs of another shape, NotFinite, InferenceError.
    """
    names = {'indoor': ['room'], 'outdoor': ['street']}
    chosen = names.get(predictor.contract.domain, ['room', 'street'])
    images = [check_image(name) for name in chosen]
    results = [predictor.metric_depth(image.rgb, image.focal_px) for image in images]
    text = (
        'inputs, outputs and shapes in the file are those in the contract; all values are finite'
    )
    findings = [Finding(OK, text)]
    for image, result in zip(images, results, strict=True):
        of_image = (*_of_values(predictor, image, result), *_of_scale(predictor, image, result))
        findings += [Finding(level, f'{image.name}: {text}') for level, text in of_image]
    findings.append(_of_order(images, results))
    first = images[0]
    of_image = (*_of_focal_length(predictor, first), *_of_size(predictor, first))
    findings += [Finding(level, f'{first.name}: {text}') for level, text in of_image]
    pairs = zip(images, results, strict=True)
    return Examined(findings, {image.name: _with_sky(x, np.inf) for image, x in pairs})


def _with_sky(result: DepthResult, sky_m: float) -> NDArray[np.float32]:
    """Return depth with a value for the sky and NaN for unknown pixels."""
    is_sky = False if result.sky is None else result.sky
    return np.where(is_sky, np.float32(sky_m), result.depth_m)


def _known(result: DepthResult) -> NDArray[np.float32]:
    """Return depth with NaN for sky and unknown pixels."""
    return _with_sky(result, np.nan)


def _level(share: float) -> str:
    return BROKEN if share > _MANY else DOUBT if share > _FEW else OK


def _of_values(
    predictor: ForeignPredictor, image: CheckImage, result: DepthResult
) -> Iterator[tuple[str, str]]:
    """Check signs, range, confidence, sky and spread of one image."""
    contract, maps = predictor.contract, predictor.outputs(image.rgb)
    wrong = float((maps[contract.depth] <= 0.0).mean())
    yield _level(wrong), f'{wrong:.1%} of the depth values are not positive'
    known_m, (near_m, far_m) = _known(result), contract.range_m
    known_m = known_m[np.isfinite(known_m)]
    if known_m.size == 0:
        text = 'no pixel has a valid depth: all pixels are sky or have too little confidence'
        yield BROKEN, text
        return
    outside = float(((known_m < near_m) | (known_m > far_m)).mean())
    low_m, middle_m, high_m = np.percentile(known_m, (1.0, 50.0, 99.0))
    yield (
        _level(outside),
        f'{low_m:.3g} to {high_m:.3g} m, median {middle_m:.3g} m; {outside:.1%} of the values are '
        f'outside head.range {near_m:g} to {far_m:g} m',
    )
    if known_m.max() - known_m.min() <= 1e-6 * known_m.max() and not contract.along_ray:
        yield DOUBT, 'all pixels have the same depth: is input.range, mean or std wrong?'
    if contract.confidence is not None:
        trusted = float(np.isfinite(result.depth_m).mean())
        yield (
            OK if trusted > 0.5 else DOUBT,
            f'{trusted:.0%} of the pixels have enough confidence (confidence limit of the '
            'contract)',
        )
    if result.sky is not None:
        yield _of_sky(image, result.sky)
    if contract.spread:
        negative = float((maps[contract.spread] < 0.0).mean())
        text = f'{negative:.1%} of the pixels have a negative standard deviation (output spread)'
        yield _level(negative), text
        share = float(np.nanmedian(result.uncertainty_m / result.depth_m))
        yield (
            OK if 0.0 < share < 1.0 else DOUBT,
            f'the standard deviation (output spread) is {share:.1%} of the depth (median of the '
            'pixels)',
        )


def _of_sky(image: CheckImage, sky: NDArray[np.bool_]) -> tuple[str, str]:
    true = np.isnan(image.depth_m)  # of every fourth pixel
    found = sky[2::4, 2::4]
    right = float((found == true).mean())
    level = OK if right > 0.8 else BROKEN if right < 0.2 else DOUBT
    hint = '' if level == OK else ': is the threshold wrong, or above and below interchanged?'
    return level, f'{found.mean():.0%} of the pixels are sky, expected {true.mean():.0%}{hint}'


def _of_scale(
    predictor: ForeignPredictor, image: CheckImage, result: DepthResult
) -> Iterator[tuple[str, str]]:
    """Compare with the true depth: the median, and how it changes towards the border."""
    found_m, true_m = _known(result)[2::4, 2::4], image.depth_m
    both = np.isfinite(found_m) & np.isfinite(true_m)
    if not both.any():
        return
    ratio = float(np.median(found_m[both]) / np.median(true_m[both]))
    factor = max(ratio, 1.0 / ratio)
    level = OK if factor < _NEAR_SCALE else DOUBT if factor < _FAR_SCALE else BROKEN
    hint = '' if level == OK else ': is the unit, depth.focal, input.range, mean or std wrong?'
    yield level, f'the median depth is {ratio:.3g} times the true median depth{hint}'
    with np.errstate(invalid='ignore'):
        error = np.log(found_m[both] / true_m[both])
    bend = np.log(cosines(image.focal_px, *SIZE)[2::4, 2::4][both])
    along_ray = predictor.contract.along_ray
    other = error - bend if along_ray else error + bend
    if error.std() > _BENT and other.std() < 0.5 * error.std():
        stated, better = ('the ray', 'z') if along_ray else ('z', 'the ray')
        yield (
            DOUBT,
            f'depth.along is {stated}, but with depth along {better} the error from the centre to '
            'the border of the image is smaller',
        )


def _of_order(images: list[CheckImage], results: list[DepthResult]) -> Finding:
    """Check that farther is larger."""
    found = {
        image.name: _rank_correlation(_known(result)[2::4, 2::4], image.depth_m)
        for image, result in zip(images, results, strict=True)
    }
    text = ', '.join(f'{name} {value:.2f}' for name, value in found.items())
    values = [value for value in found.values() if np.isfinite(value)]
    level, hint = OK if values and min(values) > 0.3 else DOUBT, ''
    if values and max(values) < _REVERSED:
        level, hint = BROKEN, ': the output decreases with the distance, as inverse depth does'
    text = f'rank correlation of depth with the true depth, 1 is best: {text}{hint}'
    return Finding(level, text)


def _rank_correlation(found: NDArray, true: NDArray) -> float:
    """Return Spearman's rank correlation of finite values; NaN without variation."""
    both = np.isfinite(found) & np.isfinite(true)
    ranks = [values[both].argsort().argsort().astype(float) for values in (found, true)]
    if both.sum() < 2 or np.ptp(found[both]) <= 1e-6 * np.abs(found[both]).max():
        return float('nan')
    return float(np.corrcoef(*ranks)[0, 1])


def _of_size(predictor: ForeignPredictor, image: CheckImage) -> Iterator[tuple[str, str]]:
    """Run an input that follows the image with sides that are odd multiples.

    A side of the given length (longest, shortest) stays as it is.
    """
    wanted, (height, width) = predictor.contract.input, SIZE
    if wanted.height:
        return
    for smaller in itertools.product(range(height, height // 2, -1), range(width, width // 2, -1)):
        rows, columns = wanted.size(*smaller)
        odd = [side // wanted.multiple % 2 for side in (rows, columns)]
        if all(odd) or (any(odd) and (wanted.longest or wanted.shortest)):
            break
    else:
        return
    size = f'an input of {rows} x {columns}'
    try:
        predictor.outputs(np.ascontiguousarray(image.rgb[: smaller[0], : smaller[1]]))
    except (ContractError, InferenceError) as error:
        hint = f'is input.multiple more than {wanted.multiple}?'
        yield BROKEN, f'{size} fails ({hint}): {error}'
    else:
        yield OK, f'{size} runs'


def _of_focal_length(predictor: ForeignPredictor, image: CheckImage) -> Iterator[tuple[str, str]]:
    """Show the network the middle of the image enlarged, as by a camera of twice the focal length.

    What is there has the same distance, so its depth in metres must stay.
    """
    (height, width), contract = SIZE, predictor.contract
    top, left = height // 4, width // 4
    middle = slice(top, top + height // 2), slice(left, left + width // 2)
    enlarged = cv2.resize(np.ascontiguousarray(image.rgb[middle]), (width, height))
    before = predictor.metric_depth(image.rgb, image.focal_px).depth_m[middle]
    after = predictor.metric_depth(enlarged, 2.0 * image.focal_px).depth_m
    if not (np.isfinite(before).any() and np.isfinite(after).any()):
        return
    ratio = float(np.nanmedian(after) / np.nanmedian(before))
    if contract.training_hfov_rad:
        ratio *= 2.0  # the pipeline corrects for the focal length
    holds = 1.0 / _SAME_DEPTH < ratio < _SAME_DEPTH
    if holds:
        hint = ''
    elif contract.focal is not None:
        hint = (
            ': the output does not change with the focal length as canonical depth does: is '
            'depth.kind metric?'
        )
    else:
        hint = (
            ': depth changes with the apparent size of objects: is depth.kind canonical, or is '
            'depth.training_hfov_deg missing?'
        )
    yield (
        OK if holds else DOUBT,
        f'at twice the focal length the depth of the same place is {ratio:.2f} times as large '
        f'(expected: 1){hint}',
    )
    if contract.focal is not None:
        one, two = (
            float(np.nanmedian(predictor.metric_depth(image.rgb, f_px).depth_m))
            for f_px in (image.focal_px, 2.0 * image.focal_px)
        )
        yield (
            OK,
            f'the same pixels are {one:.3g} m away for f = {image.focal_px:.0f} px '
            f'and {two:.3g} m for f = {2.0 * image.focal_px:.0f} px of the image',
        )
