"""Parts of a long recording whose depth is predicted by itself, to be put together later.

A part begins without the state that the images before it leave behind.  So it keeps what the
network gave, and for which head, instead of messages.  Whoever puts the parts together goes
through all images as always, takes what fits and predicts the rest: the result is that of one run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from glob import escape as glob_escape
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.bags.contents import Channel, Message, Metadata
from zoedepth_ros.bags.errors import Damage
from zoedepth_ros.bags.mcap_reader import first_metadata, read_mcap
from zoedepth_ros.bags.mcap_writer import McapWriter
from zoedepth_ros.bags.plan import Plan, Report
from zoedepth_ros.bags.prefetch import prefetch
from zoedepth_ros.bags.prepared_images import PreparedImages
from zoedepth_ros.inference.result import ContextLost, DepthPredictor, DepthResult, InferenceError
from zoedepth_ros.pipeline.camera_pipeline import CameraPipeline
from zoedepth_ros.pipeline.outputs import DEPTH, UNCERTAINTY
from zoedepth_ros.pipeline.request import OutputsDue, Request, needs_uncertainty, predict

_ABOUT = 'zoedepth_ros_piece'
_CHANNEL = Channel('/piece', '', '', b'', '', ())
_PLAIN = ('head', 'router_probabilities', 'largest_m', 'along_ray', 'per_focal_px')


class Span(NamedTuple):
    """Name some images of a recording by their numbers, from 1."""

    first: int
    end: int
    """The first one that is not in it."""


class Stored(NamedTuple):
    """Hold what the network gave for an image."""

    number: int
    requested: str
    """What it depends on besides the image, by `key_of`."""

    result: DepthResult | None
    """None where it failed."""


def spans(images: int, count: int) -> list[Span]:
    """Divide images evenly."""
    ends = [1 + images * n // count for n in range(count + 1)]
    return [Span(first, end) for first, end in pairwise(ends)]


def piece_path(target: Path, span: Span) -> Path:
    """Name the file of a part."""
    return target.with_name(f'{target.name}.piece_{span.first}_{span.end}')


def remove_pieces(target: Path) -> None:
    """Remove the files of all parts of a recording, also unfinished ones, and no others."""
    for path in filter(Path.is_file, target.parent.glob(f'{glob_escape(target.name)}.piece_*')):
        with suppress(ValueError, OSError):  # another file
            first = next(read_mcap(path, Damage(recover=True)), None)
            if isinstance(first, Metadata) and first.name == _ABOUT:
                path.unlink()


def predict_piece(
    plan: Plan,
    predictor: DepthPredictor,
    span: Span,
    on_image: Callable[[], None] = lambda: None,
    *,
    request: str = '',
) -> None:
    """Write the file of a part for an `add_depth` with the same request; resumable too.

    on_image: called after each image.
    """
    path, about = piece_path(plan.job.target, span), plan.about(predictor, request)
    if first_metadata(path, _ABOUT) == about:
        return
    with McapWriter(path, overwrite=True) as output:
        output.write(Metadata(_ABOUT, about))
        output.write(_CHANNEL)
        source = PreparedImages(plan, Report(), Damage(recover=plan.job.recover), iter(()))
        frames = (f for _, f in source.steps() if f is not None and f.number >= span.first)
        options, done = plan.job.options, output.done()
        at = options.settings
        pipeline = CameraPipeline(predictor, at)
        with_both = needs_uncertainty(at, options.added)
        kept = frozenset({DEPTH, UNCERTAINTY} if with_both else {DEPTH})
        with closing(prefetch(frames)) as prepared:
            for frame in prepared:
                if frame.number >= span.end:
                    break
                due = replace(frame.due, depth=kept, clouds=frozenset())
                wanted = pipeline.prepare(frame.rgb, frame.camera, frame.time_s, due)
                if wanted is None:
                    continue
                message = next(done, None)
                stored = (
                    _stored(predictor, frame.number, wanted)
                    if message is None
                    else _unpacked(message)
                )
                if stored.result is not None:
                    no_outputs = replace(wanted, due=OutputsDue())
                    list(pipeline.process(no_outputs, stored.result))
                output.write(message or _packed(stored, keeps_uncertainty=with_both))
                on_image()


def _stored(predictor: DepthPredictor, number: int, request: Request) -> Stored:
    try:
        return Stored(number, key_of(request), predict(predictor, request))
    except ContextLost:
        raise
    except InferenceError:
        return Stored(number, key_of(request), None)


def key_of(request: Request) -> str:
    """Return what the network's result depends on besides the image."""
    return f'{request.head} {request.route}'


class Pieces:
    """Return what parts hold, in the order of the images."""

    def __init__(self, target: Path, parts: Sequence[Span], about: Mapping[str, str]) -> None:
        """about: parts of other work, and those that are missing, are passed over."""
        paths = (piece_path(target, span) for span in parts)
        self._stored = (
            _unpacked(item)
            for path in paths
            if first_metadata(path, _ABOUT) == about
            for item in read_mcap(path, Damage(recover=True))
            if isinstance(item, Message)
        )
        self._next = next(self._stored, None)

    def take(self, number: int, requested: str) -> DepthResult | None:
        """Return the result for an image and what was requested of it, None when there is none.

        number: larger than any before.  requested: by `key_of`.  Raises InferenceError where
        the network has failed.
        """
        while self._next is not None and self._next.number < number:
            self._next = next(self._stored, None)
        found = self._next
        if found is None or (found.number, found.requested) != (number, requested):
            return None
        if found.result is None:
            raise InferenceError(
                'the depth network failed on the image in an earlier run of the command'
            )
        return found.result


def _packed(stored: Stored, *, keeps_uncertainty: bool) -> Message:
    """Write JSON and arrays, one behind the other, as .npy."""
    head: dict[str, Any] = {'requested': stored.requested}
    arrays: dict[str, NDArray[Any]] = {}
    if stored.result is not None:
        result = stored.result
        head |= {name: getattr(result, name) for name in _PLAIN}
        arrays['depth_m'] = result.depth_m
        if keeps_uncertainty:
            arrays['uncertainty_m'] = result.uncertainty_m
        if result.sky is not None:
            arrays['sky'] = np.packbits(result.sky, axis=1)
    stream = BytesIO()
    head['arrays'] = list(arrays)
    for array in (np.array(json.dumps(head)), *arrays.values()):
        np.save(stream, array)
    return Message(_CHANNEL, stored.number, stored.number, 0, stream.getvalue())


def _unpacked(message: Message) -> Stored:
    stream = BytesIO(message.data)
    head = json.loads(str(np.load(stream)))
    arrays = {name: np.load(stream) for name in head['arrays']}
    result = None
    if arrays:
        depth_m, sky, per_focal_px = arrays['depth_m'], arrays.get('sky'), head['per_focal_px']
        if sky is not None:
            sky = np.unpackbits(sky, axis=1, count=depth_m.shape[1]).astype(np.bool_)
        result = DepthResult(
            depth_m=depth_m,
            uncertainty_m=arrays.get('uncertainty_m', depth_m),
            relative_depth=depth_m,  # of which a recording holds nothing
            sky=sky,
            **{name: head[name] for name in _PLAIN},
        )
        result = replace(result, per_focal_px=per_focal_px and tuple(per_focal_px))
    return Stored(message.log_time_ns, head['requested'], result)
