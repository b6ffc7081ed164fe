"""One process or several: who this one is, and sums over all of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor

from zoedepth_ros.inference.devices import choose_device


@dataclass(frozen=True, slots=True)
class Process:
    """This process among those of the run."""

    rank: int = 0
    """Number of this process, from 0."""
    world_size: int = 1
    """How many processes there are."""
    device: torch.device = field(default_factory=lambda: torch.device('cpu'))
    """Where this process computes."""

    @property
    def leads(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def share_of(self, batch_size: int) -> int:
        """Return this process' part of a batch; raises ValueError when it does not divide."""
        if batch_size % self.world_size:
            message = f'batch_size {batch_size} does not divide by {self.world_size} processes'
            raise ValueError(message)
        return batch_size // self.world_size

    def wait(self) -> None:
        """Wait for the other processes."""
        if self.world_size > 1:
            dist.barrier()


def join(device: str = 'auto') -> Process:
    """Join the run that torchrun started, or be the only process when it did not."""
    world_size = int(os.environ.get('WORLD_SIZE', '1'))
    rank, local_rank = int(os.environ.get('RANK', '0')), int(os.environ.get('LOCAL_RANK', '0'))
    chosen = chosen_device(device, local_rank)
    if chosen.type == 'cuda':
        torch.cuda.set_device(chosen)
    if world_size > 1 and not dist.is_initialized():
        dist.init_process_group('nccl' if chosen.type == 'cuda' else 'gloo')
    return Process(rank, world_size, chosen)


def leave() -> None:
    """End this process' part in the run."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def chosen_device(device: str, local_rank: int) -> torch.device:
    """Return the device of a name; 'auto' takes a GPU when there is one.

    Raises ValueError for an unknown name and for a CUDA device that is not there.
    """
    if device == 'auto':
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
    return choose_device(f'cuda:{local_rank}' if device == 'cuda' else device)


def sum_over_processes(value: Tensor) -> Tensor:
    """Add a tensor over all processes; the gradient flows to this process' part unchanged."""
    if not (dist.is_available() and dist.is_initialized()):
        return value
    total = value.detach().clone()
    dist.all_reduce(total)
    return value + (total - value.detach())
