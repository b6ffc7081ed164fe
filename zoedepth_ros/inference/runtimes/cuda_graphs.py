"""Run the forward pass as CUDA graphs: one captured run for each image size, batch and head.

Image and maps go through pinned memory; the only wait is for the maps.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoedepth_ros.inference.devices import is_cudnn_attention_error, kind_of, short_reason
from zoedepth_ros.inference.forward import ForwardPass, SceneProbabilities
from zoedepth_ros.inference.pinned_memory import pinned_like
from zoedepth_ros.inference.result import AUTO, OutOfMemory
from zoedepth_ros.inference.runtimes.pause import Pause
from zoedepth_ros.model.backbones.features import Prepared

MAX_CAPTURES = 16
"""Most captures that are kept; the outputs of each occupy device memory (11 MB at 1280 x 720)."""

_WARM_UPS = 3  # runs before a capture, which choose algorithms and allocate workspaces

Compute = Callable[[Tensor], Tensor]
Key = tuple[tuple[int, ...], str]
"""Shape of the images (B, H, W, 3), and head."""


class CaptureError(RuntimeError):
    """A forward pass could not be captured; it may work without capture."""


class CudaGraphs:
    """CUDA graphs of one device.

    All captures of a device use one stream, because cuBLAS keeps a workspace for each stream that
    it was ever used on.  The captures of one object share a memory pool, so they must be replayed
    one after the other.
    """

    _streams: ClassVar[dict[torch.device, Any]] = {}
    _capturing: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._graphs: weakref.WeakSet[Any] = weakref.WeakSet()

    def pinned(self, like: Tensor) -> Tensor:
        """Return page-locked host memory of the same shape and type; see `pinned_like`."""
        return pinned_like(like)

    def capture(self, compute: Compute, images: Tensor) -> tuple[Callable[[], None], Tensor]:
        """Return a function that computes compute(images) again, and the tensor it writes."""
        with self._capturing, torch.cuda.device(self._device):
            current = torch.cuda.current_stream()
            try:
                return self._captured(compute, images, current)
            finally:
                torch.cuda.set_stream(current)  # a failed capture leaves its own stream current

    def finish(self) -> None:
        """Wait until the device has finished all work of the current stream."""
        torch.cuda.current_stream(self._device).synchronize()

    def _captured(
        self, compute: Compute, images: Tensor, current: Any
    ) -> tuple[Callable[[], None], Tensor]:
        side = self._streams.get(self._device)
        if side is None:
            side = self._streams[self._device] = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(current)
        with torch.cuda.stream(side):
            for _ in range(_WARM_UPS):
                compute(images)
        current.wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # A pool lives as long as one of its graphs; torch refuses to use it again afterwards.
        pool = next((other.pool() for other in self._graphs), None)
        # Other threads may use the GPU meanwhile, for example for another network.
        with torch.cuda.graph(graph, pool=pool, stream=side, capture_error_mode='thread_local'):
            output = compute(images)
        self._graphs.add(graph)
        return graph.replay, output


@dataclass(frozen=True, slots=True)
class _Capture:
    """One head for one shape of images."""

    images: Tensor
    """(B, H, W, 3) uint8 on the device, read by `replay`."""

    replay: Callable[[], None]
    """Computes `output` from `images`."""

    output: Tensor
    """Flat float32 tensor on the device, the output of `replay`."""

    host_images: Tensor
    """The images in pinned memory."""

    host_output: Tensor
    """The output in pinned memory."""


class CapturedOutputs(NamedTuple):
    """Outputs of one run for some images."""

    maps: NDArray[np.float32]
    """(B, 3, H, W) depth [m], uncertainty [m] and relative depth; (B, 1, H, W) depth only."""

    head: str
    """The head that computed them."""

    probabilities: list[SceneProbabilities]
    """Router output of each image."""

    finite: list[bool]
    """Whether all maps of an image are finite."""


class CapturedForward:
    """Replay the forward pass, captured for each head, image size and number of images.

    The captures used last are kept, at most MAX_CAPTURES.  After a failed capture the forward pass
    runs uncaptured for a while; then it is tried again.  Calls may come from different threads.
    """

    def __init__(self, forward: ForwardPass, graphs: CudaGraphs, device: torch.device) -> None:
        self._forward, self._graphs, self._device = forward, graphs, device
        self._captures: OrderedDict[Key, _Capture] = OrderedDict()
        self._last: _Capture | None = None
        self._constants: Prepared | None = None
        self._last_head = forward.heads[0]
        self._pauses = {'single images': Pause(), 'batches': Pause()}
        self._new_size = Pause()  # images of several network sizes in turn: rather uncaptured

    @property
    def failures(self) -> list[str]:
        """Why a part of the images is not captured."""
        return [
            f'there is no CUDA graph for {what}, so the network runs more slowly: {pause.reason}'
            for what, pause in self._pauses.items()
            if pause.reason
        ]

    def __call__(
        self, images: Sequence[NDArray[np.uint8]], head: str, *, depth_only: bool = False
    ) -> CapturedOutputs | None:
        """Return the outputs for images of one size; None if no capture is possible now.

        head: 'auto' only for one image.  depth_only: copy no other maps to the host.

        With 'auto' the scene probabilities of the last image choose the head; where those of this
        image differ, as at a change of scene, it runs again.
        """
        pause = self._pauses['single images' if len(images) == 1 else 'batches']
        try:
            used = head if head != AUTO else self._last_head
            found = self._replayed(images, used, pause, depth_only=depth_only)
            if found is None or head != AUTO:
                return found
            if found.probabilities[0] and found.finite[0]:
                self._last_head = self._forward.likeliest_head(found.probabilities[0])
            if self._last_head == used:
                return found
            return self._replayed(images, self._last_head, pause, depth_only=depth_only)
        except CaptureError as error:
            if pause.fail(str(error)):
                logging.getLogger(__name__).warning('; '.join(self.failures))
            return None

    def _are_current(self, rgb: NDArray[np.uint8]) -> bool:
        """Tell whether captures still find the constants they read, also after this image."""
        prepared, preprocessing = self._forward.prepared, self._forward.preprocessing
        if prepared is None or prepared is not self._constants:
            return False
        return prepared.size == preprocessing.network_size(rgb.shape[0], rgb.shape[1])

    def last(self) -> tuple[Tensor, Tensor]:
        """Return the last images (B, H, W, 3) uint8 and their depth (B, H, W) [m], on the device.

        The next run overwrites both.
        """
        assert self._last is not None, 'no CUDA graph was replayed yet'
        pixels = self._last.images
        batch, height, width, _ = pixels.shape
        depth_m = self._last.output[: batch * height * width]
        return pixels, depth_m.reshape(batch, height, width)

    def _replayed(
        self,
        images: Sequence[NDArray[np.uint8]],
        head: str,
        pause: Pause,
        *,
        depth_only: bool,
    ) -> CapturedOutputs | None:
        forward, batch = self._forward, len(images)
        height, width = images[0].shape[:2]
        names = forward.heads if len(forward.heads) > 1 else ()
        one_map, beside = batch * height * width, batch * (len(names) + 1)
        if self._constants is not None and not self._are_current(images[0]):
            self._constants = None
            self._clear()
            self._new_size.fail('constants')
        key = (batch, *images[0].shape), head
        is_new = key not in self._captures
        if is_new:
            if not (pause.is_over() and self._new_size.is_over()):
                return None
            self._captures[key] = self._new(key)
        self._captures.move_to_end(key)
        while len(self._captures) > MAX_CAPTURES:
            self._captures.popitem(last=False)
        flat = self._replay(images, self._captures[key], one_map + beside if depth_only else None)
        if is_new:
            pause.succeed()
            self._new_size.succeed()
        self._constants = forward.prepared
        depth_m, rest, others = np.split(flat, [one_map, one_map + beside])
        probabilities, finite = np.split(rest, [beside - batch])
        maps = [x.reshape(-1, batch, height, width) for x in (depth_m, others)]
        return CapturedOutputs(
            np.concatenate(maps).swapaxes(0, 1),
            head,
            [
                dict(zip(names, row.tolist(), strict=True))
                for row in probabilities.reshape(batch, -1)
            ],
            [bool(value) for value in finite],
        )

    def _replay(
        self, images: Sequence[NDArray[np.uint8]], capture: _Capture, length: int | None
    ) -> NDArray[np.float32]:
        """Return the output for images; the next call overwrites the array.

        length: how many of the first numbers to copy to the host and return; None for all.
        """
        for row, rgb in zip(capture.host_images.numpy(), images, strict=True):
            row[:] = rgb
        capture.images.copy_(capture.host_images, non_blocking=True)
        capture.replay()
        self._last = capture
        copied = capture.host_output[:length]
        copied.copy_(capture.output[:length], non_blocking=True)
        self._graphs.finish()
        result: NDArray[np.float32] = copied.numpy()
        return result

    def _clear(self) -> None:
        """Free all captures."""
        self._captures.clear()
        self._last = None

    def _new(self, key: Key) -> _Capture:
        """Capture the forward pass, if need be in the memory of the others; CaptureError."""
        try:
            return self._capture(*key)
        except Exception as error:
            if is_cudnn_attention_error(error):
                raise
            is_batch = key[0][0] > 1  # which can run one by one
            if is_batch or not self._captures or kind_of(error) is not OutOfMemory:
                raise CaptureError(short_reason(error)) from error
        self._clear()  # their memory may suffice
        return self._new(key)

    def _capture(self, shape: tuple[int, ...], head: str) -> _Capture:
        images = torch.full(shape, 128, dtype=torch.uint8, device=self._device)
        compute: Compute = partial(self._forward.all_outputs, head=head)
        replay, output = self._graphs.capture(compute, images)
        pinned = self._graphs.pinned
        return _Capture(images, replay, output, pinned(images), pinned(output))
