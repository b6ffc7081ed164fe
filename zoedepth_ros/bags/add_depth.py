"""Copy a recording and add the depth of its pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Any, NamedTuple

from zoedepth_ros.bags.cdr import encode
from zoedepth_ros.bags.contents import ABOUT_DEPTH, Channel, Item, Message, Metadata
from zoedepth_ros.bags.depth_messages import cloud, depth_image, domain
from zoedepth_ros.bags.errors import Damage
from zoedepth_ros.bags.finished import REQUEST
from zoedepth_ros.bags.frames import Frame, Source
from zoedepth_ros.bags.heads import Heads
from zoedepth_ros.bags.memory import Memory
from zoedepth_ros.bags.output import Output
from zoedepth_ros.bags.pieces import Pieces, Span, predict_piece, remove_pieces
from zoedepth_ros.bags.plan import DepthOptions, Plan, Report
from zoedepth_ros.bags.prefetch import ahead
from zoedepth_ros.inference.result import DepthPredictor, DepthResult, InferenceError

_AHEAD = 16  # messages read, and predicted, before they are needed


def add_depth(
    plan: Plan,
    predictor: DepthPredictor,
    on_picture: Callable[[], None] = lambda: None,
    *,
    request: str = '',
    parts: Sequence[Span] = (),
) -> Report:
    """Write the recording with depth added; goes on where an earlier attempt was stopped.

    on_picture: called after each picture.  request: kept in the recording, so that a later run of
    the same work knows its result (`finished.request`).  parts: what `predict_part` has done.
    Rectification, predicting and writing overlap.
    """
    report = Report(warning=predictor.weights_warning)
    damage = Damage(salvage=plan.salvage)
    about = _about(plan, predictor, request)
    pieces = Pieces(plan.target, parts, about)
    with Output(
        plan.target,
        compression=plan.options.compression,
        overwrite=plan.overwrite,
        resume=plan.resume,
    ) as output:
        output.write(Metadata(ABOUT_DEPTH, about))  # compared with what is there, before the rest
        memory = output.remember(about)
        for channel in plan.survey.channels:
            output.write(channel)
        read = ahead(Source(plan, report, damage, output.done()).steps(), _AHEAD)
        predicted = _predicted(read, predictor, pieces, plan.options, memory, report)
        with closing(ahead(predicted, _AHEAD)) as steps:
            for item, frame, prediction in steps:
                if frame is not None and prediction is not None:
                    memory.note(frame.number, prediction.state)
                output.write(item)
                if frame is not None and not isinstance(prediction, _Failure):
                    for message in _added(plan, item, frame, prediction, report):
                        output.write(message)
                if isinstance(item, Message) and item.channel.topic == plan.inputs.image:
                    on_picture()
    report.damage = list(dict.fromkeys((*plan.damage, *damage.notes)))
    if parts:
        remove_pieces(plan.target)
    return report


def predict_part(
    plan: Plan,
    predictor: DepthPredictor,
    span: Span,
    on_picture: Callable[[], None] = lambda: None,
    *,
    request: str = '',
) -> None:
    """Predict some images for an `add_depth` with the same request; resumable too."""
    predict_piece(plan, predictor, span, _about(plan, predictor, request), on_picture)


class _Prediction(NamedTuple):
    """Hold what a network says of a picture, and how its head was chosen."""

    result: DepthResult
    forced: bool
    last_switch_s: float
    network_width: int
    state: dict[str, Any]
    """Of what has a memory, after this picture."""


class _Failure(NamedTuple):
    """Stand where the network has failed; without depth for good, also in a later attempt."""

    state: dict[str, Any]


_FAILURE = _Failure({'failed': True})


def _predicted(
    steps: Iterator[tuple[Item, Frame | None]],
    predictor: DepthPredictor,
    pieces: Pieces,
    options: DepthOptions,
    memory: Memory,
    report: Report,
) -> Iterator[tuple[Item, Frame | None, _Prediction | _Failure | None]]:
    """Predict what is not done yet."""
    heads = Heads(predictor, options)
    for item, frame in steps:
        if frame is None:
            yield item, None, None
            continue
        if heads.leaves_out(frame):
            report.skipped['no camera for the focal correction'] += 1
            yield item, None, None
            continue
        report.uncorrected += heads.leaves_uncorrected(frame)
        is_done = len(frame.done) == len(frame.wanted)
        state = memory.recall(frame.number)
        if state == _FAILURE.state:
            report.skipped['inference failed'] += 1
            yield item, frame, _FAILURE
            continue
        if is_done and state is not None:
            heads.restore(state)
            yield item, frame, None
            continue
        try:
            result = pieces.take(frame.number, heads.requested) or heads.predict(frame)
        except InferenceError:
            if is_done:
                yield item, frame, None
                continue
            report.skipped['inference failed'] += 1
            yield item, frame, _FAILURE
            continue
        heads.take(frame, result)
        network_width = predictor.network_size(*frame.rgb.shape[:2])[1]
        forced, switch_s = heads.forced, heads.last_switch_s
        yield item, frame, _Prediction(result, forced, switch_s, network_width, heads.state())


def _added(
    plan: Plan, item: Item, frame: Frame, prediction: _Prediction | None, report: Report
) -> Iterator[Message]:
    """Give what is added for a picture: what is done already, then the rest."""
    assert isinstance(item, Message)
    yield from frame.done
    report.depths += 1
    report.reused += bool(frame.done)
    report.clouds += plan.channels.points in frame.wanted
    for channel in frame.wanted[len(frame.done) :]:
        assert prediction is not None
        data = encode(_message(plan, channel, frame, prediction))
        yield Message(channel, item.log_time_ns, item.publish_time_ns, item.sequence, data)


def _message(plan: Plan, channel: Channel, frame: Frame, prediction: _Prediction) -> Any:
    channels, options, result = plan.channels, plan.options, prediction.result
    if channel == channels.depth:
        return depth_image(frame.header, result.depth_m, options.encoding)
    if channel == channels.uncertainty:
        return depth_image(frame.header, result.uncertainty_m, '32FC1')
    if channel == channels.domain:
        shares = result.router_probabilities
        return domain(
            frame.header,
            result.head,
            shares,
            forced=prediction.forced,
            last_switch_s=prediction.last_switch_s,
        )
    assert frame.camera is not None
    if channel == channels.camera_info:
        return frame.camera.info(frame.header)
    return cloud(
        frame.header,
        result.depth_m,
        frame.rgb,
        frame.camera,
        step=options.decimation,
        filter_for_width=prediction.network_width if options.edge_filter else None,
        range_m=result.range_m,
    )


def _about(plan: Plan, predictor: DepthPredictor, request: str) -> dict[str, str]:
    """Say in the recording where its depth comes from; another answer is another work."""
    options = {name: str(value) for name, value in asdict(plan.options).items()}
    return {
        **options,
        'image': plan.inputs.image,
        'camera_info': plan.inputs.camera_info,
        'model': predictor.model_name,
        'weights': predictor.weights_origin,
        'weights_warning': predictor.weights_warning,
        'precision': predictor.precision,
        **({REQUEST: request} if request else {}),
    }
