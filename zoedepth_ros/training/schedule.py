"""How the learning rate and the momentum move along a run."""

from __future__ import annotations

from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR

from zoedepth_ros.training.config import ScheduleConfig


def one_cycle(optimizer: Optimizer, config: ScheduleConfig, total_steps: int) -> OneCycleLR:
    """Return the one-cycle schedule, to be stepped after every batch.

    Each group's own learning rate is its peak.  With div_factor 1, as the paper's code has it,
    the rate stays at its peak for `rising_part` of the run and falls on a cosine afterwards,
    while momentum (beta1) goes down and up again.  Source: Smith 2018; ZoeDepth, config.
    """
    return OneCycleLR(
        optimizer,
        max_lr=[group['lr'] for group in optimizer.param_groups],
        total_steps=total_steps,
        pct_start=config.rising_part,
        anneal_strategy='cos',
        cycle_momentum=config.cycle_momentum,
        base_momentum=config.lowest_momentum,
        max_momentum=config.highest_momentum,
        div_factor=config.div_factor,
        final_div_factor=config.final_div_factor,
    )
