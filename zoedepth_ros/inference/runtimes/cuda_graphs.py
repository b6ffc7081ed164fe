"""CUDA graphs of the forward pass: captured per head and image size, replayed for every image.

The host waits only for the result: the image and the outputs, including those of the router, are
copied through pinned memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoedepth_ros.inference.forward import ForwardPass, SceneProbabilities
from zoedepth_ros.inference.preprocess import from_pixels
from zoedepth_ros.inference.result import AUTO
from zoedepth_ros.model.backbones.features import Prepared

_WARM_UPS = 3  # runs before the capture, for lazy initialisation and allocation

Compute = Callable[[Tensor], Tensor]


class CaptureError(RuntimeError):
    """The forward pass could not be captured; it may still run without a graph."""


class HostLink(Protocol):
    """Transfers between host and device without synchronisation; tests replace it."""

    def pinned(self, like: Tensor) -> Tensor:
        """Return host memory for asynchronous copies."""
        ...

    def finish(self) -> None:
        """Wait until all queued operations are complete."""
        ...


class GraphDevice(HostLink, Protocol):
    """A device that captures and replays graphs; tests replace it."""

    def capture(self, compute: Compute, image: Tensor) -> tuple[Callable[[], None], Tensor]:
        """Return a function that replays compute(image), and the tensor that it writes."""
        ...


class CudaGraphs:
    """CUDA graphs of one device."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def pinned(self, like: Tensor) -> Tensor:
        """Return page-locked memory; torch caches freed blocks."""
        return torch.empty(like.shape, dtype=like.dtype, pin_memory=True)

    def capture(self, compute: Compute, image: Tensor) -> tuple[Callable[[], None], Tensor]:
        """Capture a CUDA graph."""
        with torch.cuda.device(self._device):  # graphs are captured on the current device
            stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(_WARM_UPS):
                    compute(image)
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            # thread_local: other threads, such as another network, may use the GPU meanwhile
            with torch.cuda.graph(graph, capture_error_mode='thread_local'):
                output = compute(image)
        return graph.replay, output

    def finish(self) -> None:
        """Wait for the current stream only."""
        torch.cuda.current_stream(self._device).synchronize()


@dataclass(frozen=True, slots=True)
class _Capture:
    """One head at one image size."""

    image: Tensor
    """(H, W, 3) uint8 on the device, the input of `replay`."""

    replay: Callable[[], None]
    """Computes `output` from `image`."""

    output: Tensor
    """Flat float32 tensor on the device, the output of `replay`."""


class GraphRunner:
    """Run a computation on images through captures of it.

    Only the captures of the last image size are kept.  Threads may change between images.
    """

    def __init__(self, graphs: GraphDevice, device: torch.device) -> None:
        self._graphs, self._device = graphs, device
        self._shape: tuple[int, ...] = ()
        self._captures: dict[str, _Capture] = {}
        self._replayed: _Capture | None = None

    def __call__(self, rgb: NDArray[np.uint8], head: str, compute: Compute) -> NDArray[np.float32]:
        """Return compute(image) as a new array.

        compute: from (H, W, 3) uint8 on the device to a flat float32 tensor; called only for the
        capture, so it must be the same for every call with this head.  Raises CaptureError.
        """
        if rgb.shape != self._shape:
            self.clear()
            self._shape = rgb.shape
        capture = self._captures.get(head)
        if capture is None:
            capture = self._captures[head] = self._capture(rgb.shape, compute)
        upload = self._graphs.pinned(capture.image)
        upload.numpy()[:] = rgb
        capture.image.copy_(upload, non_blocking=True)
        capture.replay()
        self._replayed = capture
        download = self._graphs.pinned(capture.output)
        download.copy_(capture.output, non_blocking=True)
        self._graphs.finish()
        result: NDArray[np.float32] = download.numpy()
        return result

    def last(self) -> tuple[Tensor, Tensor]:
        """Return the last image (H, W, 3) uint8 and its output; the next run overwrites both."""
        assert self._replayed is not None, 'nothing was replayed yet'
        return self._replayed.image, self._replayed.output

    def clear(self) -> None:
        """Free all graphs."""
        self._captures.clear()
        self._replayed = None

    def _capture(self, shape: tuple[int, ...], compute: Compute) -> _Capture:
        image = torch.full(shape, 128, dtype=torch.uint8, device=self._device)
        try:
            replay, output = self._graphs.capture(compute, image)
        except Exception as error:
            raise CaptureError((str(error) or type(error).__name__).splitlines()[0]) from error
        return _Capture(image, replay, output)


class CapturedForward:
    """Replay a forward pass that is captured for each head and image size."""

    def __init__(self, forward: ForwardPass, graphs: GraphDevice, device: torch.device) -> None:
        self._forward = forward
        self._runner = GraphRunner(graphs, device)
        self._constants: Prepared | None = None
        self._last_head = forward.heads[0]

    def __call__(
        self, rgb: NDArray[np.uint8], head: str
    ) -> tuple[NDArray[np.float32], str, SceneProbabilities, bool]:
        """Return maps (3, H, W), their head, the router output, and whether all maps are finite.

        'auto' runs the head that the router chose for the previous image, and runs again if the
        router chooses another for this one.  Raises CaptureError.
        """
        used = head if head != AUTO else self._last_head
        maps, probabilities, finite = self._replay(rgb, used)
        if head == AUTO and probabilities and finite:
            self._last_head = self._forward.likeliest_head(probabilities)
            if self._last_head != used:
                used = self._last_head
                maps, probabilities, finite = self._replay(rgb, used)
        return maps, used, probabilities, finite

    def last(self) -> tuple[Tensor, Tensor]:
        """Return the last image (1, 3, H, W), 0 to 1, and its maps (3, H, W), on the device.

        The next run overwrites the maps.
        """
        pixels, flat = self._runner.last()
        height, width = pixels.shape[:2]
        return from_pixels(pixels), flat[: 3 * height * width].reshape(3, height, width)

    def _replay(
        self, rgb: NDArray[np.uint8], head: str
    ) -> tuple[NDArray[np.float32], SceneProbabilities, bool]:
        forward = self._forward
        if forward.prepared is not self._constants:  # the graphs read the former constants
            self._runner.clear()
        flat = self._runner(rgb, head, lambda pixels: forward.all_outputs(pixels, head))
        self._constants = forward.prepared
        n_values = 3 * rgb.shape[0] * rgb.shape[1]
        row = [float(probability) for probability in flat[n_values:-1]]
        probabilities = dict(zip(forward.heads, row, strict=True)) if row else {}
        return flat[:n_values].reshape(3, *rgb.shape[:2]), probabilities, bool(flat[-1])
