"""One recorded run of a GPU for each head and picture size, played again for every picture.

Nothing waits for the GPU but the delivery of the result: the picture goes in and the maps come out
through pinned memory, and what the router says comes with them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_WARM_UPS = 3  # runs before the recording, for what is chosen or allocated at first

Compute = Callable[[Tensor], Tensor]


class RecordingError(RuntimeError):
    """Say that a run could not be recorded; without recording it may well work."""


class HostLink(Protocol):
    """How a device and its host exchange memory without waiting; a test replaces it."""

    def pinned(self, like: Tensor) -> Tensor:
        """Give memory of the host that the device reads and writes by itself."""
        ...

    def finish(self) -> None:
        """Wait until all that was asked for is done."""
        ...


class GraphDevice(HostLink, Protocol):
    """What records and plays; a test replaces it."""

    def record(self, compute: Compute, picture: Tensor) -> tuple[Callable[[], None], Tensor]:
        """Give what plays compute(picture) again, and the tensor that it writes every time."""
        ...


class CudaGraphs:
    """CUDA graphs of one device."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def pinned(self, like: Tensor) -> Tensor:
        """Give page-locked memory; torch keeps what is freed for the next picture."""
        return torch.empty(like.shape, dtype=like.dtype, pin_memory=True)

    def record(self, compute: Compute, picture: Tensor) -> tuple[Callable[[], None], Tensor]:
        """Capture a CUDA graph."""
        with torch.cuda.device(self._device):  # a graph is captured on the current one
            side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(_WARM_UPS):
                    compute(picture)
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            # other threads may use the GPU meanwhile, for example another network
            with torch.cuda.graph(graph, capture_error_mode='thread_local'):
                output = compute(picture)
        return graph.replay, output

    def finish(self) -> None:
        """Wait for the current stream only."""
        torch.cuda.current_stream(self._device).synchronize()


@dataclass(frozen=True, slots=True)
class _Recording:
    """One head at one picture size."""

    picture: Tensor
    """(H, W, 3) uint8 on the device, read by `play`."""

    play: Callable[[], None]
    """Computes `output` from `picture`."""

    output: Tensor
    """What `play` writes, on the device."""


class GraphRunner:
    """Run a computation on pictures through recordings of it.

    Only the recordings of the last picture size are kept.  Threads may change between pictures.
    """

    def __init__(self, graphs: GraphDevice, device: torch.device) -> None:
        self._graphs, self._device = graphs, device
        self._shape: tuple[int, ...] = ()
        self._recordings: dict[str, _Recording] = {}
        self._played: _Recording | None = None

    def __call__(self, rgb: NDArray[np.uint8], head: str, compute: Compute) -> NDArray[np.float32]:
        """Give compute(picture) of this head; the array is the caller's to keep.

        compute: from (H, W, 3) uint8 on the device to a flat float32 tensor; called only when
        there is no recording yet, so always the same for a head.  Raises RecordingError.
        """
        if rgb.shape != self._shape:
            self.clear()
            self._shape = rgb.shape
        recording = self._recordings.get(head)
        if recording is None:
            recording = self._recordings[head] = self._record(rgb.shape, compute)
        entrance = self._graphs.pinned(recording.picture)
        entrance.numpy()[:] = rgb
        recording.picture.copy_(entrance, non_blocking=True)
        recording.play()
        self._played = recording
        exit_ = self._graphs.pinned(recording.output)
        exit_.copy_(recording.output, non_blocking=True)
        self._graphs.finish()
        result: NDArray[np.float32] = exit_.numpy()
        return result

    def last(self) -> tuple[Tensor, Tensor]:
        """Give (H, W, 3) uint8 and what was computed of it, where the next run overwrites both."""
        assert self._played is not None, 'nothing was played yet'
        return self._played.picture, self._played.output

    def clear(self) -> None:
        """Forget all recordings, and free what they hold."""
        self._recordings.clear()
        self._played = None

    def _record(self, shape: tuple[int, ...], compute: Compute) -> _Recording:
        picture = torch.full(shape, 128, dtype=torch.uint8, device=self._device)
        try:
            play, output = self._graphs.record(compute, picture)
        except Exception as error:
            raise RecordingError((str(error) or type(error).__name__).splitlines()[0]) from error
        return _Recording(picture, play, output)
