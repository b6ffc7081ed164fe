"""The training loop of one stage."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from zoedepth_ros.inference.preprocess import MetricPreprocessing
from zoedepth_ros.inference.processor import bf16_emulated
from zoedepth_ros.model.router import EncoderLayer
from zoedepth_ros.model.zoedepth import ZoeDepth
from zoedepth_ros.training.checkpoint import FILE_NAME, Curves, TrainingState, save_state
from zoedepth_ros.training.config import StageConfig, TrainingConfig
from zoedepth_ros.training.distributed import Process
from zoedepth_ros.training.examples import Example, TrainingImages, batches
from zoedepth_ros.training.losses import stage_losses, trained_part
from zoedepth_ros.training.mixed_batches import MixedBatches, ShareOfBatches, steps_of
from zoedepth_ros.training.optimizers import Optimizers, WeightAverage
from zoedepth_ros.training.run_data import open_images
from zoedepth_ros.training.validation import validate
from zoedepth_ros.weights.load import save_weights

LOG_EVERY = 20
"""Steps between writing losses, which stay on the device until then."""

_logger = logging.getLogger(__name__)


class Progress:
    """The progress of a run; if shown, stages are bars and scores are lines."""

    def __init__(self, *, shown: bool = False) -> None:
        self._shown, self._bar = shown, tqdm(disable=True)

    def start(self, stage: str, done: int, total: int) -> None:
        """Start the bar of a stage with `done` completed steps."""
        self._bar.close()
        if self._shown:
            self._bar = tqdm(desc=stage, initial=done, total=total, unit='step', mininterval=1.0)

    def step(self, values: dict[str, float]) -> None:
        """Advance by one step; values: the latest losses, empty if unchanged."""
        self._bar.update()
        if values:
            self._bar.set_postfix({k: f'{v:.3f}' for k, v in values.items()}, refresh=False)

    def validated(self, step: int, values: dict[str, float]) -> None:
        """Print the scores of a validation."""
        if not self._shown:
            return
        scores = '  '.join(f'{name} {value:.4f}' for name, value in values.items())
        self._bar.write(f'step {step}: {scores}')


def best_file(config: TrainingConfig, stage: int = -1) -> Path:
    """Return the file of the best weights of a stage, by default the last one."""
    return config.folder / f'{config.stages[stage].name}_best.safetensors'


class StageLoop:
    """Train a network through one stage, from its start or from a checkpoint."""

    def __init__(
        self,
        config: TrainingConfig,
        number: int,
        model: ZoeDepth,
        process: Process,
        *,
        progress: Progress,
        tensorboard: Any,
        metadata: dict[str, str],
        inherited: dict[str, str],
    ) -> None:
        """Open the data sets; raises ValueError and DatasetError.

        number: of the stage.  tensorboard: a SummaryWriter or None.  metadata: written to the
        weights files.  inherited: its part from the initial weights, kept in checkpoints.
        """
        self.config, self.number, self.model, self.process = config, number, model, process
        self.stage: StageConfig = config.stages[number]
        self.progress, self.metadata, self.inherited = progress, metadata, inherited
        self.folder = config.folder
        self.loss_curve, self.score_curve = (
            Curves(
                self.folder / f'{self.stage.name}_{what}.csv', tensorboard, f'{self.stage.name}/'
            )
            for what in ('losses', 'scores')
        )
        given = self.stage.image_size
        self.image_size = given if all(given) else model.config.image_size
        self.training, self.validation = (
            [open_images(domain, self.image_size, split) for domain in config.domains]
            for split in ('train', 'test')
        )
        self.batches = MixedBatches(
            tuple(len(source) for source in self.training), self.stage.batch_size, config.seed
        )
        self.total = steps_of(self.stage.epochs, self.stage.steps, self.batches.epoch_steps)
        if model.router is not None:
            for layer in model.router.layers:
                cast(EncoderLayer, layer).dropout = self.stage.router_dropout
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(not name.startswith(self.stage.frozen))
        self.optimizers = Optimizers(model, self.stage, self.total)
        decay = self.stage.average_decay
        self.average = WeightAverage(model, decay) if decay > 0 else None
        self.step, self.seconds, self.best_score = 0, 0.0, math.inf
        self._started_s = time.monotonic()
        self._pending: list[tuple[int, dict[str, float | str], dict[str, Tensor]]] = []

    def resume(self, state: TrainingState) -> None:
        """Restore a checkpoint of this stage."""
        self.model.load_state_dict(state.model)
        self.optimizers.load_state_dict(state.optimizers)
        if self.average is not None and state.average is not None:
            self.average.load_state_dict(state.average)
        self.step, self.seconds, self.best_score = state.step, state.seconds, state.best_score

    def run(self) -> None:
        """Train to the end of the stage; the model then has the averaged weights, if enabled."""
        if self.process.leads:
            if self.number == self.step == 0:  # with --restart, of the earlier run
                (self.folder / FILE_NAME).unlink(missing_ok=True)
            self.loss_curve.cut(self.step)
            self.score_curve.cut(self.step)
        self.progress.start(self.stage.name, self.step, self.total)
        emulated = self.process.device.type == 'cpu' and bf16_emulated()
        if emulated and self.stage.precision == 'bfloat16' and self.process.leads:
            _logger.warning('precision bfloat16 is many times slower than float32: %s', emulated)
        network = trained_part(self.model, self.stage)
        if self.process.world_size > 1:
            # A batch of one domain leaves the other's head without gradient.
            network = DistributedDataParallel(network, find_unused_parameters=True)
        validate_every = max(1, round(self.stage.validate_every * self.batches.epoch_steps))
        self.model.train()
        self._started_s = time.monotonic() - self.seconds
        for batch in self._loader():
            self._train_on(network, batch)
            if self.step % LOG_EVERY == 0:
                self._write_losses()
            if self.step % validate_every == 0 or self.step == self.total:
                with self.average.in_place() if self.average else nullcontext():
                    self._validate()
            if self.step % self.config.checkpoint_every == 0:
                self.save()
        self.save()
        if self.average is not None:
            self.average.apply()

    def save(self) -> None:
        """Write a checkpoint."""
        self._write_losses()
        if self.process.leads:
            state = TrainingState(
                stage=self.number,
                step=self.step,
                seconds=self.seconds,
                best_score=self.best_score,
                model=self.model.state_dict(),
                optimizers=self.optimizers.state_dict(),
                average=self.average.state_dict() if self.average else None,
                config=asdict(self.config),
                inherited=self.inherited,
            )
            save_state(state, self.folder)
        self.process.wait()

    def _loader(self) -> Iterator[Example]:
        images = TrainingImages(
            self.training,
            self.config.domains,
            MetricPreprocessing(self.image_size, self.model.config.antialias),
            self.model.config.head_names,
            self.config.augmentation,
            self.config.seed,
            self.config.training_hfov_deg,
        )
        share = ShareOfBatches(self.batches, self.process, self.step, self.total)
        return batches(images, share, self.config.workers)

    def _train_on(self, network: nn.Module, batch: Example) -> None:
        batch = Example(*(part.to(self.process.device, non_blocking=True) for part in batch))
        domain = self.model.config.head_names[int(batch.head[0])]
        torch.manual_seed(_seed(self.config.seed, self.number, self.step, self.process.rank))
        rate = self.optimizers.rate
        with torch.autocast(
            self.process.device.type, torch.bfloat16, enabled=self.stage.precision == 'bfloat16'
        ):
            output = network(batch.image.contiguous(memory_format=torch.channels_last), domain)
        losses = stage_losses(output, batch, self.stage)
        # Gradients are averaged over processes, but the losses are already those of all.
        (losses['loss'] * self.process.world_size).backward()  # type: ignore[no-untyped-call]
        if self.stage.clip_norm > 0:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.stage.clip_norm)
        self.optimizers.step()
        if self.average is not None:
            self.average.update()
        self.step += 1
        detached = {name: loss.detach() for name, loss in losses.items()}
        self.seconds = time.monotonic() - self._started_s
        facts: dict[str, float | str] = {
            'domain': domain,
            'seconds': self.seconds,
            'learning_rate': rate,
        }
        self._pending.append((self.step, facts, detached))
        if self.step % LOG_EVERY:
            self.progress.step({})

    def _write_losses(self) -> None:
        """Write the pending losses.  Raises ValueError for a loss that is not finite."""
        values: dict[str, float] = {}
        for step, facts, losses in self._pending:
            values = {name: float(loss) for name, loss in losses.items()}
            if not math.isfinite(values['loss']):
                raise ValueError(
                    f'stage {self.stage.name}: the loss of step {step} is not finite: {values}'
                )
            if self.process.leads:
                self.loss_curve.add(step, {**facts, **values})
        if self._pending and self._pending[-1][0] % LOG_EVERY == 0:
            self.progress.step(values)
        self._pending.clear()

    def _validate(self) -> None:
        """Validate the weights, and save them if they are the best so far."""
        scores = validate(
            self.model,
            self.validation,
            self.config.domains,
            self.stage,
            self.image_size,
            self.process,
            self.config.training_hfov_deg,
        )
        best = scores.get('score', 0.0) <= self.best_score
        self.best_score = min(self.best_score, scores.get('score', self.best_score))
        if not self.process.leads:
            return
        if scores:
            self.score_curve.add(self.step, {'seconds': self.seconds, **scores})
            self.progress.validated(self.step, scores)
        if best:
            facts = {
                f'validation_{k}': f'{v:.6g}' for k, v in (('step', self.step), *scores.items())
            }
            facts = {**self.metadata, 'stage': self.stage.name, **facts}
            save_weights(self.model, best_file(self.config, self.number), facts)


def _seed(*parts: int) -> int:
    """Combine several numbers to a seed."""
    seed = 0
    for part in parts:
        seed = (seed * 1_000_003 + part) % (2**63)
    return seed
