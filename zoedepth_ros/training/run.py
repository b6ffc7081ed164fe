"""A whole run: all stages, from nothing, from a file of weights or from a checkpoint."""

from __future__ import annotations

from pathlib import Path

import torch

from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.zoedepth import ZoeDepth, create_model
from zoedepth_ros.training.checkpoint import TrainingState, check_same_run, load_state
from zoedepth_ros.training.config import TrainingConfig
from zoedepth_ros.training.curves import Curves, tensorboard_writer
from zoedepth_ros.training.distributed import Process
from zoedepth_ros.training.initial_bins import spread_bins
from zoedepth_ros.training.initial_positions import aim_attention
from zoedepth_ros.training.loop import Progress, Silent, StageLoop
from zoedepth_ros.training.sources import training_source, validation_source
from zoedepth_ros.weights.load import (
    TRAINING_HFOV_KEY,
    load_relative_weights,
    load_weights,
    read_checkpoint,
    save_weights,
)

FINAL = 'final.safetensors'
"""File of the weights at the end of a run."""


def train(
    config: TrainingConfig,
    process: Process,
    *,
    restart: bool = False,
    progress: Progress | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Run all stages, or what is left of them, and return the file of the last stage's best.

    metadata goes into the files of weights.  Raises ValueError when the output folder holds a
    run with other settings and `restart` is not given.
    """
    folder = Path(config.output)
    folder.mkdir(parents=True, exist_ok=True)
    state = None if restart else load_state(folder, process.device)
    if state is not None:
        check_same_run(state.config, config, folder)
    process.wait()
    model = create_model(preset(config.model), config.seed)
    if state is None:
        start_from(model, config)
    model.to(process.device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    facts = {TRAINING_HFOV_KEY: f'{config.training_hfov_deg:g}', **(metadata or {})}
    run = _Run(config, process, progress or Silent(), facts)
    for number in range(state.stage if state else 0, len(config.stages)):
        run.stage(number, model, state if state and state.stage == number else None)
    if process.leads:
        save_weights(model, folder / FINAL, facts)
    return best_file(config)


def best_file(config: TrainingConfig, stage: int = -1) -> Path:
    """Return where the best weights of a stage are kept, by default the last stage's."""
    return Path(config.output) / f'{config.stages[stage].name}_best.safetensors'


def start_from(model: ZoeDepth, config: TrainingConfig) -> None:
    """Give a network the weights that the settings name; WeightsError says what is wrong."""
    ranges_m = {str(d.domain): d.initial_bins_m for d in config.domains if d.initial_bins_m[0] > 0}
    spread_bins(model, ranges_m)
    if config.aimed_attention:
        aim_attention(model)
    if not config.weights:
        return
    relative = config.weights_part == 'relative'
    if relative or read_checkpoint(config.weights).variant.architecture == 'relative':
        load_relative_weights(model, config.weights)
    else:
        load_weights(model, config.weights)


class _Run:
    """What all stages of a run share."""

    def __init__(
        self,
        config: TrainingConfig,
        process: Process,
        progress: Progress,
        metadata: dict[str, str],
    ) -> None:
        self._config, self._process, self._progress = config, process, progress
        self._metadata = metadata
        leads = config.tensorboard and process.leads
        self._tensorboard = tensorboard_writer(Path(config.output)) if leads else None

    def stage(self, number: int, model: ZoeDepth, state: TrainingState | None) -> None:
        """Do one stage, from its start or from a checkpoint."""
        stage = self._config.stages[number]
        image_size = stage.image_size if all(stage.image_size) else model.config.image_size
        loop = StageLoop(
            self._config,
            number,
            model,
            [training_source(domain, image_size) for domain in self._config.domains],
            [validation_source(domain, image_size) for domain in self._config.domains],
            self._process,
            progress=self._progress if self._process.leads else Silent(),
            curves=(self._curve(stage.name, 'losses'), self._curve(stage.name, 'scores')),
            keep=self._keep,
        )
        if state is not None:
            loop.resume(state)
        if self._process.leads:
            loop.loss_curve.cut(loop.step)
            loop.score_curve.cut(loop.step)
        loop.run()

    def _curve(self, stage: str, what: str) -> Curves:
        path = Path(self._config.output) / f'{stage}_{what}.csv'
        return Curves(path, self._tensorboard, f'{stage}/')

    def _keep(self, model: ZoeDepth, stage: str, scores: dict[str, float]) -> None:
        path = Path(self._config.output) / f'{stage}_best.safetensors'
        facts = {f'validation_{name}': f'{value:.6g}' for name, value in scores.items()}
        save_weights(model, path, {**self._metadata, 'stage': stage, **facts})
