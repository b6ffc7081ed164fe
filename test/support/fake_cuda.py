"""A torch.cuda without a GPU: streams, graphs and memory pools are counted, nothing runs."""

from __future__ import annotations

import contextlib
import weakref

import numpy as np
import torch


class FakeStream:
    """A stream; `broken` makes every wait fail, as after a sticky error."""

    def __init__(self, cuda: FakeCuda) -> None:
        self.cuda = cuda

    def wait_stream(self, other) -> None:
        pass

    def synchronize(self) -> None:
        if self.cuda.broken:
            raise RuntimeError('CUDA error: unspecified launch failure')


class FakeGraph:
    """A graph with the pool that it was captured into."""

    def __init__(self) -> None:
        self.own_pool = None

    def pool(self):
        return self.own_pool

    def replay(self) -> None:
        pass


class FakeCuda:
    """Replace what captures use of torch.cuda; `install` with pytest's monkeypatch."""

    def __init__(self) -> None:
        self.broken, self.reserved = False, 1 << 20
        self.streams: list[FakeStream] = []
        self.current = FakeStream(self)
        self.captured: list[tuple[object, FakeStream]] = []
        """Pool that was handed over and stream of each capture."""
        self.devices: list[object] = []
        self.pinned_sizes: list[int] = []
        """Size of each pinned tensor that was allocated [bytes]."""
        self.freed_sizes: list[int] = []
        """Size of each pinned tensor whose memory was freed [bytes]."""
        self._empty = torch.empty

    def install(self, monkeypatch) -> None:
        replaced = {
            'is_initialized': lambda: True,
            'memory_reserved': lambda device: self.reserved,
            'Stream': self._new_stream,
            'current_stream': lambda device=None: self.current,
            'set_stream': self._set_stream,
            'stream': self._on,
            'device': self._device,
            'CUDAGraph': FakeGraph,
            'graph': self._graph,
        }
        for name, value in replaced.items():
            monkeypatch.setattr(torch.cuda, name, value)
        monkeypatch.setattr(torch, 'empty', self._allocate)

    def _allocate(self, *args, pin_memory=False, **kwargs) -> torch.Tensor:
        wanted = self._empty(*args, **kwargs)
        if not pin_memory:
            return wanted
        memory = np.zeros(wanted.nbytes, np.uint8)
        self.pinned_sizes.append(wanted.nbytes)
        weakref.finalize(memory, self.freed_sizes.append, wanted.nbytes)
        return torch.from_numpy(memory).view(wanted.dtype).view(wanted.shape)

    def _new_stream(self) -> FakeStream:
        self.streams.append(FakeStream(self))
        return self.streams[-1]

    def _set_stream(self, stream) -> None:
        self.current = stream

    @contextlib.contextmanager
    def _on(self, stream):
        before, self.current = self.current, stream
        yield
        self.current = before

    @contextlib.contextmanager
    def _device(self, device):
        self.devices.append(device)
        yield

    @contextlib.contextmanager
    def _graph(self, graph, pool=None, stream=None, capture_error_mode='global'):
        self.captured.append((pool, stream))
        graph.own_pool = pool if pool is not None else object()
        self.current = stream  # torch leaves it so when the capture fails
        yield
        self.current = self.streams[0] if stream is None else self.current
