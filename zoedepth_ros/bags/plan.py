"""What is to be done to a recording, settled before any work starts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from zoedepth_ros.bags.contents import Survey
from zoedepth_ros.bags.depth_messages import ENCODINGS
from zoedepth_ros.bags.errors import Damage, RecordingError
from zoedepth_ros.bags.output import COMPRESSIONS, check_target
from zoedepth_ros.bags.recording import Recording, open_recording
from zoedepth_ros.bags.topics import Inputs, OutputChannels, find_inputs, output_channels
from zoedepth_ros.geometry.canonical import CORRECTIONS
from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.geometry.rectification import CHOICES
from zoedepth_ros.inference.result import AUTO


@dataclass(frozen=True, slots=True)
class DepthOptions:
    """Say what is added and how; the defaults are the node's."""

    image: str = ''
    """Topic of the pictures; '' when there is only one."""

    camera_info: str = ''
    """Topic of their camera_info; '' for the picture topic's sibling."""

    depth_topic: str = '/depth/image'
    """Topic of the depth; camera_info, points and uncertainty go beside it."""

    encoding: str = '32FC1'
    """32FC1 (metres, float) or 16UC1 (millimetres)."""

    points: bool = True
    """Whether clouds are added, where the camera is known."""

    uncertainty: bool = False
    """Whether the depth's standard deviation is added."""

    domain: bool = False
    """Whether zoedepth_ros/msg/Domain is added: the head in use, the router's probabilities."""

    decimation: int = 4
    """A point for every so many rows and columns."""

    edge_filter: bool = True
    """Whether points that hang between two surfaces are left out."""

    rate_hz: float = 0.0
    """Depth for at most so many pictures a second [Hz]; 0 for all."""

    head: str = AUTO
    """'indoor', 'outdoor', or 'auto' for the router's choice."""

    hfov_rad: float = 0.0
    """Field of view assumed when the recording has no calibration [rad]; 0 for none."""

    focal_correction: str = AUTO
    """What is done about the camera's focal length: auto, off, scale or warp."""

    rectified: str = AUTO
    """Whether images are rectified: auto, rectified or raw, the node's camera.rectified."""

    bits: int = 0
    """Significant bits of 16-bit images, the node's camera.bits; 0 for those of the values."""

    compression: str = 'none'
    """Of the new recording's chunks: none, lz4 or zstd."""

    def __post_init__(self) -> None:
        for name, value, choices in (
            ('encoding', self.encoding, ENCODINGS),
            ('focal_correction', self.focal_correction, CORRECTIONS),
            ('rectified', self.rectified, CHOICES),
            ('compression', self.compression, tuple(COMPRESSIONS)),
        ):
            if value not in choices:
                raise ValueError(f'{name} must be one of {", ".join(choices)}, got {value!r}')
        if self.decimation < 1:
            raise ValueError(f'decimation must be 1 or more, got {self.decimation}')
        if self.rate_hz < 0.0:
            raise ValueError(f'rate must be 0 or more Hz, got {self.rate_hz}')
        if self.hfov_rad:
            Intrinsics.from_hfov(640, 480, self.hfov_rad)  # raises for an impossible angle


@dataclass(frozen=True, slots=True)
class Plan:
    """Hold what has been found out before any work is done."""

    recording: Recording
    """What is read."""

    target: Path
    """What is written."""

    survey: Survey
    """What the recording holds."""

    inputs: Inputs
    """The topics that are read."""

    channels: OutputChannels
    """The channels that are added."""

    options: DepthOptions
    """How."""

    salvage: bool
    """Whether damage is endured."""

    overwrite: bool = False
    """Whether `target` is replaced."""

    resume: bool = True
    """Whether unfinished work is gone on with."""

    damage: tuple[str, ...] = ()
    """What is known to be damaged already."""


@dataclass(slots=True)
class Report:
    """Tell what was done."""

    pictures: int = 0
    """Pictures seen."""

    depths: int = 0
    """Depth images added, earlier attempts' among them."""

    reused: int = 0
    """Depth images that an earlier attempt had left."""

    clouds: int = 0
    """Clouds added."""

    skipped: Counter[str] = field(default_factory=Counter)
    """Why pictures have no depth -> how many."""

    examples: dict[str, str] = field(default_factory=dict)
    """Why pictures have no depth -> the same of the first one, in words."""

    uncorrected: int = 0
    """Depth images that stayed as through the training camera: the pictures' is unknown."""

    no_points: str = ''
    """Why pictures have no points; '' when they do."""

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

    def skip(self, reason: str, example: str) -> None:
        """Count a picture that gets no depth."""
        self.skipped[reason] += 1
        self.examples.setdefault(reason, example)


def make_plan(
    source: Path,
    target: Path,
    options: DepthOptions,
    *,
    salvage: bool = False,
    overwrite: bool = False,
    resume: bool | None = None,
) -> Plan:
    """Look at the recording and settle everything that can go wrong before work starts.

    overwrite: replace `target`.  resume: go on with unfinished work; None does so unless `target`
    is replaced.  Raises RecordingError and OSError.
    """
    damage = Damage(salvage=salvage)
    recording = open_recording(source, damage)
    if target.resolve() in {file.resolve() for file in (source, *recording.files)}:
        raise RecordingError(f'{target} is the recording itself: choose another name')
    check_target(target, overwrite=overwrite)
    survey = recording.survey(damage)
    inputs = find_inputs(
        survey,
        options.image,
        options.camera_info,
        encodings=lambda topics: recording.encodings(topics, Damage(salvage=True)),
    )
    channels = output_channels(survey, options.depth_topic, inputs.image)
    return Plan(
        recording,
        target,
        survey,
        inputs,
        channels,
        options,
        salvage,
        overwrite,
        resume=not overwrite if resume is None else resume,
        damage=tuple(damage.notes),
    )
