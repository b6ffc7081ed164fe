"""Distributed training: the rank of this process, and sums over all processes."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor

from zoedepth_ros.inference.devices import choose_device


@dataclass(frozen=True, slots=True)
class Process:
    """The rank and the device of this process."""

    rank: int = 0
    """Number of this process, from 0."""
    world_size: int = 1
    """Number of processes."""
    device: torch.device = field(default_factory=lambda: torch.device('cpu'))

    @property
    def leads(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def share_of(self, batch_size: int) -> int:
        """Return this process' part of a batch.  Raises ValueError unless it is a whole number."""
        if batch_size % self.world_size:
            message = (
                f'batch_size {batch_size} is not a multiple of the number of processes, '
                f'{self.world_size}'
            )
            raise ValueError(message)
        return batch_size // self.world_size

    def wait(self) -> None:
        """Wait for the other processes."""
        if self.world_size > 1:
            dist.barrier()


def join(device: str = 'auto') -> Process:
    """Join the process group of torchrun; without torchrun, return a single process."""
    world_size = int(os.environ.get('WORLD_SIZE', '1'))
    rank, local_rank = int(os.environ.get('RANK', '0')), int(os.environ.get('LOCAL_RANK', '0'))
    chosen = chosen_device(device, local_rank)
    if chosen.type == 'cuda':
        torch.cuda.set_device(chosen)
    if world_size > 1 and not dist.is_initialized():
        if dist.is_torchelastic_launched():
            threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
        dist.init_process_group('nccl' if chosen.type == 'cuda' else 'gloo')
    return Process(rank, world_size, chosen)


def _end_with(launcher: int) -> None:
    """End this process when torchrun was killed: it starts every process in an own session."""
    while os.getppid() == launcher:
        time.sleep(1.0)
    os._exit(1)  # like a SIGKILL, which checkpoints survive


def leave() -> None:
    """Leave the process group."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def chosen_device(device: str, local_rank: int) -> torch.device:
    """Return the device of a name; 'auto' is a GPU if there is one.

    Raises ValueError for an unknown name and for a CUDA device that does not exist.
    """
    if device == 'auto':
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
    return choose_device(f'cuda:{local_rank}' if device == 'cuda' else device)


def sum_over_processes(value: Tensor) -> Tensor:
    """Sum a tensor over all processes; the gradient is that of this process' part."""
    if not (dist.is_available() and dist.is_initialized()):
        return value
    total = value.detach().clone()
    dist.all_reduce(total)
    return value + (total - value.detach())
