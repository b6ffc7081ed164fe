"""A training run: all stages, from random or given weights or from a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import torch

from zoedepth_ros.files import open_locked
from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.training_camera import FOCAL_EXPONENT_KEY, TRAINING_HFOV_KEY
from zoedepth_ros.model.zoedepth import ZoeDepth, create_model
from zoedepth_ros.training.checkpoint import check_same_run, load_state
from zoedepth_ros.training.config import TrainingConfig
from zoedepth_ros.training.distributed import Process
from zoedepth_ros.training.initial_weights import spread_bins, start_from_imagenet
from zoedepth_ros.training.loop import Progress, StageLoop, best_file
from zoedepth_ros.weights.errors import WeightsError
from zoedepth_ros.weights.known_weights import MODELS
from zoedepth_ros.weights.load import load_relative_weights, load_weights, save_weights
from zoedepth_ros.weights.locations import cached
from zoedepth_ros.weights.read import read_checkpoint

FINAL = 'final.safetensors'
"""File of the weights at the end of a run."""
LOCK = 'lock'
"""File that the run which writes into a folder has locked."""


def train(
    config: TrainingConfig,
    process: Process,
    *,
    restart: bool = False,
    progress: Progress | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Run all remaining stages and return the file of the best weights of the last stage.

    metadata: written to the weights files.  Raises ValueError if the output folder contains a run
    with other settings, unless `restart` is set, or if another run writes into it.
    """
    check_heads(config)
    model = create_model(preset(config.model), config.seed)
    check_stages(config, model, process)
    folder = config.folder
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if process.leads:
            stack.enter_context(reserved(folder))
        state = None if restart else load_state(folder, process.device)
        inherited = start_from(model, config) if state is None else state.inherited
        config = with_training_camera(config, inherited)
        if state is not None:
            check_same_run(state.config, config, folder)
        process.wait()
        model.to(process.device)
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        camera = {TRAINING_HFOV_KEY: f'{config.training_hfov_deg:g}'}
        if config.focal_exponent:
            camera[FOCAL_EXPONENT_KEY] = f'{config.focal_exponent:g}'
        facts = {**inherited, **camera, **(metadata or {})}
        tensorboard = None
        if config.tensorboard and process.leads:
            from torch.utils.tensorboard import SummaryWriter  # an optional package

            tensorboard = stack.enter_context(SummaryWriter(str(folder)))
        for number in range(state.stage if state else 0, len(config.stages)):
            loop = StageLoop(
                config,
                number,
                model,
                process,
                progress=progress if progress and process.leads else Progress(),
                tensorboard=tensorboard,
                metadata=facts,
                inherited=inherited,
            )
            if state is not None and state.stage == number:
                loop.resume(state)
            loop.run()
        if process.leads:
            save_weights(model, folder / FINAL, facts)
    return best_file(config)


def reserved(folder: Path) -> BinaryIO:
    """Lock an output folder until the file is closed.

    Raises ValueError if another run has the lock.
    """
    try:
        return open_locked(folder / LOCK)
    except BlockingIOError:
        raise ValueError(
            f'{folder}: another training writes into this folder: wait for its end, or choose '
            'another --output'
        ) from None


def check_heads(config: TrainingConfig) -> None:
    """Raise ValueError if the recipe's domains do not match the heads of its network."""
    heads = preset(config.model).head_names
    named = {str(domain.domain) for domain in config.domains}
    if named - set(heads):
        raise ValueError(
            f'domains has an entry for {", ".join(sorted(named - set(heads)))}, but '
            f'{config.model} has only the heads {", ".join(heads)}'
        )
    missing = set(heads) - named
    routed = [s.name for s in config.stages if s.loss == 'metric' and s.router_weight > 0]
    if missing and routed:
        raise ValueError(
            f'{config.model} has a router, but domains has no entry for '
            f'{", ".join(missing)}, so stage {routed[0]} would train the router to '
            f'select {", ".join(sorted(named))} always: add an entry, or set '
            'router_weight: 0'
        )


def check_stages(config: TrainingConfig, model: ZoeDepth, process: Process) -> None:
    """Raise ValueError if a stage does not fit the network or the number of processes."""
    names = [name for name, _ in model.named_parameters()]
    for stage in config.stages:
        process.share_of(stage.batch_size)
        if any(stage.image_size):
            model.config.check_size(*stage.image_size)
        for prefix in stage.frozen:
            if not any(name.startswith(prefix) for name in names):
                raise ValueError(
                    f'stage {stage.name!r}: frozen contains {prefix!r}, but no parameter of '
                    f'{config.model} has a name that begins with {prefix!r}'
                )


def with_training_camera(config: TrainingConfig, inherited: Mapping[str, str]) -> TrainingConfig:
    """Use the training camera of the weights.  Raises ValueError if the recipe has another."""
    by_weights = float(inherited.get(TRAINING_HFOV_KEY, 0.0))
    if by_weights == 0.0:
        return config
    if config.training_hfov_deg not in (0.0, by_weights):
        raise ValueError(
            f'{config.weights} was trained with {TRAINING_HFOV_KEY} {by_weights:g}, but the '
            f'recipe has {config.training_hfov_deg:g}: leave training_hfov_deg out of the recipe '
            'to use the value of the weights'
        )
    return replace(config, training_hfov_deg=by_weights)


INHERITED = (TRAINING_HFOV_KEY, FOCAL_EXPONENT_KEY, 'trained_on', 'licence', 'notice')
"""Metadata that results inherit from the initial weights."""


def inherited_metadata(
    metadata: Mapping[str, str], keys: Sequence[str] = INHERITED
) -> dict[str, str]:
    """Return those of the keys that the metadata of the weights has."""
    return {key: metadata[key] for key in keys if key in metadata}


def start_from(model: ZoeDepth, config: TrainingConfig) -> dict[str, str]:
    """Load the initial weights into a network, and return the inherited metadata.

    Raises WeightsError for a bad file.
    """
    ranges_m = {str(d.domain): d.initial_bins_m for d in config.domains if d.initial_bins_m[0] > 0}
    spread_bins(model, ranges_m)
    if config.backbone_weights == 'imagenet':
        start_from_imagenet(model)
    if not config.weights:
        return {}
    path = weights_path(config.weights)
    relative = config.weights_part == 'relative'
    if relative or read_checkpoint(path).variant.architecture == 'relative':
        report = load_relative_weights(model, path)
        return inherited_metadata(report.metadata, INHERITED[2:])
    report = load_weights(model, path)
    return inherited_metadata(report.metadata)


def weights_path(name: str) -> Path:
    """Return a path, or the file of weights with a name of `zoedepth models`.

    Raises WeightsError with instructions if the weights are not on this machine.
    """
    path = Path(name).expanduser()
    if path.is_file() or name not in MODELS:
        return path
    found = cached(name)
    if found is None:
        raise WeightsError(
            f'{name} is not on this machine: download it with zoedepth download {name}'
        )
    return found
