"""What is to be done to a recording, settled before any work starts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from zoedepth_ros.bags.contents import NETWORK_WIDTH, REQUEST, Channel, RecordingSummary
from zoedepth_ros.bags.errors import Damage, RecordingError
from zoedepth_ros.bags.mcap_writer import UNCOMPRESSED, check_target
from zoedepth_ros.bags.recording import Recording, open_recording
from zoedepth_ros.bags.topics import InputTopics, find_inputs, output_channels
from zoedepth_ros.files import json_text, read_text
from zoedepth_ros.inference.result import DepthPredictor
from zoedepth_ros.inference.uncertainty import content_of
from zoedepth_ros.messages.types import TF_MESSAGE
from zoedepth_ros.pipeline import outputs
from zoedepth_ros.pipeline.parameter import field_names
from zoedepth_ros.pipeline.settings import PipelineSettings

_UNEQUAL_SIZES = ((480, 640), (1080, 1920))

OPTIONAL = {
    'points': outputs.POINTS,
    'uncertainty': outputs.UNCERTAINTY,
    'domain': outputs.DOMAIN,
    'ground': outputs.GROUND,
    'obstacles': outputs.OBSTACLES,
    'clearing': outputs.CLEARING,
    'cliffs': outputs.CLIFFS,
}
"""Name of an option -> the output that it adds."""


@dataclass(frozen=True, slots=True)
class DepthOptions:
    """What is added to a recording."""

    image: str = ''
    """Topic of the images; '' when there is only one."""

    camera_info: str = ''
    """Topic of their camera_info; '' for the sibling of the image topic."""

    depth_topic: str = f'/{outputs.DEPTH}'
    """Topic of the depth; the other outputs go beside it, as those of the node do."""

    settings: PipelineSettings = field(default_factory=PipelineSettings)
    """How outputs are made, and which rates they have; a scan is added if scan.enabled."""

    added: frozenset[str] = frozenset({outputs.POINTS})
    """Outputs that are added besides depth, camera_info and scan; see OPTIONAL."""

    compression: str = UNCOMPRESSED
    """Compression of the new recording's chunks: none, lz4 or zstd."""

    @property
    def outputs(self) -> frozenset[str]:
        """Names of the outputs that are added, see `pipeline.outputs`."""
        scan = {outputs.SCAN} if self.settings.scan_enabled else set[str]()
        return self.added | scan | {outputs.DEPTH, outputs.CAMERA_INFO}

    def values(self) -> dict[str, str]:
        """Return everything as text by name; different values are different work."""
        names = ('image', 'camera_info', 'depth_topic', 'compression')
        own = {name: getattr(self, name) for name in names}
        own |= {name: output in self.added for name, output in OPTIONAL.items()}
        attributes = field_names(PipelineSettings)
        own |= {name: getattr(self.settings, field) for name, field in attributes.items()}
        if self.settings.scale_file:
            path = Path(self.settings.scale_file).expanduser()
            try:
                own['scale'] = read_text(path)
            except ValueError as error:
                raise ValueError(f'{path}: {error}') from None
        return {name: str(value) for name, value in own.items()}


@dataclass(frozen=True, slots=True)
class Job:
    """Describe the work on one recording; travels between processes."""

    source: Path
    """What is read."""

    target: Path
    """The .mcap file that is written."""

    options: DepthOptions
    """What is added."""

    recover: bool = False
    """Whether damage is tolerated."""

    overwrite: bool = False
    """Whether `target` is replaced."""

    resume: bool | None = None
    """Whether unfinished work is resumed; None for 'unless `target` is replaced'."""

    def again(self, before: FileIdentity) -> Job:
        """Return the job for another attempt, which goes on with what the first one has left.

        before: `file_identity` of `target` before the first attempt, which may have replaced it.
        """
        is_replaced = file_identity(self.target) != before
        return replace(self, resume=True, overwrite=self.overwrite and not is_replaced)


FileIdentity = tuple[int, int, int] | None


def file_identity(path: Path) -> FileIdentity:
    """Identify a file, unlike one that replaces it; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


@dataclass(frozen=True, slots=True)
class Plan:
    """Hold what has been found out before any work is done."""

    job: Job
    """The work."""

    recording: Recording
    """What is read."""

    summary: RecordingSummary
    """What the recording holds."""

    inputs: InputTopics
    """The topics that are read."""

    channels: dict[str, Channel]
    """Name of each output -> the channel it is added to, in the order of writing."""

    damage: tuple[str, ...]
    """What is known to be damaged already."""

    def about(self, predictor: DepthPredictor, request: str) -> dict[str, str]:
        """Return the record about the depth; other values identify other work."""
        return {
            **self.job.options.values(),
            'image': self.inputs.image,
            'camera_info': self.inputs.camera_info,
            'model': predictor.model_name,
            'weights': predictor.weights_origin,
            'weights_warning': predictor.weights_warning,
            'precision': predictor.precision,
            'uncertainty_maps': json_text(content_of(predictor.uncertainty_maps)),
            NETWORK_WIDTH: _network_width(predictor),
            **({REQUEST: request} if request else {}),
        }


def _network_width(predictor: DepthPredictor) -> str:
    """Return the width of the network's input [px]; '' where it depends on the image."""
    widths = {predictor.network_size(*size)[1] for size in _UNEQUAL_SIZES}
    return str(widths.pop()) if len(widths) == 1 else ''


@dataclass(slots=True)
class Report:
    """What was done."""

    images: int = 0
    """Images seen."""

    depths: int = 0
    """Depth images added, earlier attempts' among them."""

    reused: int = 0
    """Depth images that an earlier attempt had left."""

    clouds: int = 0
    """Clouds added."""

    skipped: Counter[str] = field(default_factory=Counter)
    """Why images have no depth -> how many."""

    examples: dict[str, str] = field(default_factory=dict)
    """Why images have no depth -> the same of the first one, in words."""

    omitted: Counter[str] = field(default_factory=Counter)
    """Why images lack an output besides depth -> how many."""

    uncorrected: int = 0
    """Depth images without focal correction, because their camera is unknown."""

    no_points: str = ''
    """Why images have no points; '' when they do."""

    assumptions: dict[str, str] = field(default_factory=dict)
    """'bits' and 'camera_info' -> how they were read at last, in words; notices -> themselves."""

    damage: list[str] = field(default_factory=list)
    """What could not be read."""

    warning: str = ''
    """What the model was trained on, when it is not for real use."""

    done_before: bool = False
    """Whether an earlier run has finished the work, so that nothing was done now."""

    def assume(self, what: str, text: str) -> None:
        """Note how something is read; '' when that is not known yet."""
        if text:
            self.assumptions[what] = text

    def omit(self, reason: str, message: str) -> None:
        """Count an output that could not be made of an image."""
        self.omitted[reason] += 1
        self.examples.setdefault(reason, message)

    def skip(self, reason: str, example: str) -> None:
        """Count an image that gets no depth."""
        self.skipped[reason] += 1
        self.examples.setdefault(reason, example)


def make_plan(job: Job) -> Plan:
    """Look at the recording and settle everything that can go wrong before work starts.

    Raises RecordingError and OSError.
    """
    source, target, options = job.source, job.target, job.options
    damage = Damage(recover=job.recover)
    recording = open_recording(source, damage)
    if target.resolve() in {file.resolve() for file in (source, *recording.files)}:
        raise RecordingError(
            f'the output {target} is the input recording itself: choose another output'
        )
    check_target(target, overwrite=job.overwrite)
    summary = recording.summary(damage)
    inputs = find_inputs(
        summary,
        options.image,
        options.camera_info,
        encodings=recording.encodings,
        bits=options.settings.camera_bits,
    )
    if options.settings.scale_source == 'motion' and not summary.of_type(TF_MESSAGE):
        raise RecordingError(
            f'{source}: scale.source motion needs the poses of the camera, but the recording has '
            f'no topic /tf ({TF_MESSAGE})'
        )
    channels = output_channels(summary, options.depth_topic, inputs.image, options.outputs)
    return Plan(job, recording, summary, inputs, channels, tuple(damage.notes))
