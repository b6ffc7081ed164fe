"""Copy a recording and add the depth of its images."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from zoedepth_ros.bags.cdr import encode, make
from zoedepth_ros.bags.contents import ABOUT_DEPTH, Item, Message, Metadata
from zoedepth_ros.bags.errors import Damage
from zoedepth_ros.bags.mcap_writer import McapWriter
from zoedepth_ros.bags.memory import SKIPPED, STATE, Memory
from zoedepth_ros.bags.pieces import Pieces, Span, key_of, remove_pieces
from zoedepth_ros.bags.plan import Plan, Report
from zoedepth_ros.bags.prefetch import prefetch
from zoedepth_ros.bags.prepared_images import Frame, PreparedImages
from zoedepth_ros.bags.topics import TF
from zoedepth_ros.inference.result import ContextLost, DepthPredictor, InferenceError
from zoedepth_ros.messages.transforms import level_frame, level_transform
from zoedepth_ros.pipeline import outputs
from zoedepth_ros.pipeline.camera_pipeline import CameraPipeline
from zoedepth_ros.pipeline.outputs import (
    CAMERA_INFO,
    DEPTH,
    POINTS,
    Omission,
    OutputMessages,
    Scan,
)
from zoedepth_ros.pipeline.request import predict

_FAILED, _NO_CAMERA = (
    'inference failed',
    'the depth of this network needs camera intrinsics, which are unknown for the image',
)


def add_depth(
    plan: Plan,
    predictor: DepthPredictor,
    on_image: Callable[[], None] = lambda: None,
    *,
    request: str = '',
    parts: Sequence[Span] = (),
) -> Report:
    """Write the recording with depth added; resumes unfinished work.

    on_image: called after each image.  request: kept in the recording, so that a later run of
    the same work knows its result (`finished.request`).  parts: what `predict_piece` has done.
    Reading, predicting and writing overlap.
    """
    report = Report(warning=predictor.weights_warning)
    damage = Damage(recover=plan.job.recover)
    about = plan.about(predictor, request)
    pieces = Pieces(plan.job.target, parts, about)
    with McapWriter(
        plan.job.target,
        compression=plan.job.options.compression,
        overwrite=plan.job.overwrite,
        resume=not plan.job.overwrite if plan.job.resume is None else plan.job.resume,
    ) as output:
        output.write(Metadata(ABOUT_DEPTH, about))  # compared with what is there, before the rest
        memory = output.remember(about)
        for channel in plan.summary.channels:
            output.write(channel)
        read = prefetch(PreparedImages(plan, report, damage, output.done()).steps())
        made = _made(read, predictor, pieces, plan, memory, report)
        with closing(prefetch(made)) as steps:
            for item, work in steps:
                if work is not None:
                    output.note(work.number, work.note)
                output.write(item)
                for message in () if work is None else work.messages:
                    output.write(message)
                    report.depths += message.channel == plan.channels[DEPTH]
                    report.clouds += message.channel == plan.channels.get(POINTS)
                if isinstance(item, Message) and item.channel.topic == plan.inputs.image:
                    on_image()
    report.damage = list(dict.fromkeys((*plan.damage, *damage.notes)))
    if parts:
        remove_pieces(plan.job.target)
    return report


class _Work(NamedTuple):
    """What was made of one image."""

    number: int
    """Of the image in the recording, from 1."""

    messages: tuple[Message, ...]
    """Its outputs; () where it has none, in later attempts too."""

    note: dict[str, Any]
    """What a later attempt needs to know: the number of messages and the state after them."""


def _made(
    steps: Iterator[tuple[Item, Frame | None]],
    predictor: DepthPredictor,
    pieces: Pieces,
    plan: Plan,
    memory: Memory,
    report: Report,
) -> Generator[tuple[Item, _Work | None], None, None]:
    """Make the outputs of each image, unless an earlier attempt has written all of them."""
    messages = OutputMessages(make)
    pipeline = CameraPipeline(predictor, plan.job.options.settings, messages)
    state: Mapping[str, Any] | None = None
    for item, frame in steps:
        if frame is None:
            yield item, None
            continue
        assert isinstance(item, Message)
        note = memory.recall(frame.number)
        if note is not None and SKIPPED in note:
            if note[SKIPPED]:
                report.skipped[note[SKIPPED]] += 1
            yield item, _Work(frame.number, (), note)
            continue
        if note is not None and note.get('messages', len(frame.done)) == len(frame.done):
            state = note.get(STATE, state)
            report.reused += bool(frame.done)
            yield item, _Work(frame.number, frame.done, note)
            continue
        if state is not None:
            pipeline.restore(state)
            state = None
        request = pipeline.prepare(frame.rgb, frame.camera, frame.time_s, frame.due)
        report.uncorrected += pipeline.lacks_camera
        if request is None:
            reason = _NO_CAMERA if frame.due.depth else ''
            if reason:
                report.skipped[reason] += 1
            yield item, _Work(frame.number, (), {SKIPPED: reason})
            continue
        if frame.due.depth and DEPTH not in request.due.depth:
            report.skipped[_NO_CAMERA] += 1
        try:
            result = pieces.take(frame.number, key_of(request)) or predict(predictor, request)
        except ContextLost:  # nothing would follow; another run continues the recording
            raise
        except InferenceError:
            report.skipped[_FAILED] += 1
            yield item, _Work(frame.number, frame.done, {SKIPPED: _FAILED})
            continue
        found = pipeline.process(request, result, poses=partial(getattr, frame, 'pose'))
        made = _messages(found, messages, frame, item, plan, report)
        report.assume('camera.height', pipeline.assumption)
        for subject, text in pipeline.notices.items():
            report.assume(subject, text)
        report.reused += bool(frame.done)
        note = {'messages': len(made), STATE: pipeline.snapshot()}
        yield item, _Work(frame.number, (*frame.done, *made[len(frame.done) :]), note)


def _messages(
    found: Iterator[outputs.Output],
    messages: OutputMessages,
    frame: Frame,
    image: Message,
    plan: Plan,
    report: Report,
) -> list[Message]:
    """Encode the outputs of an image, in the order of the channels; report missing ones."""
    encoded, header = dict[str, bytes](), frame.header
    for output in found:
        if isinstance(output, Omission):
            report.omit(output.reason, output.message)
            continue
        message = messages.message(output, header)
        if isinstance(output, Scan):
            message.header = replace(header, frame_id=level_frame(header.frame_id))
            if header.frame_id:
                encoded[TF] = encode(level_transform(make, header, output.up))
            else:
                report.omit('transform of the scan', 'the images have no frame_id')
        encoded[output.name] = encode(message)
    if frame.camera is not None and frame.due.camera_info:
        encoded[CAMERA_INFO] = encode(frame.camera.info(header))
    return [
        Message(channel, image.log_time_ns, image.publish_time_ns, image.sequence, encoded[name])
        for name, channel in plan.channels.items()
        if name in encoded
    ]
