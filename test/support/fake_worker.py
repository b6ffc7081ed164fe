"""A fake of the benchmark's processes: every implementation takes a given time."""

from __future__ import annotations

import numpy as np

from zoedepth_ros.benchmark.worker import WorkerError


class FakeMachine:
    """Start workers whose implementations take known times [ms] and return known depths."""

    def __init__(self, taken_ms=lambda implementation, size, batch: 10.0, lacking=None):
        self.taken_ms, self.lacking = taken_ms, lacking or {}
        self.environments, self.open_now, self.most_open, self.opened = [], 0, 0, []
        self.order, self.requests, self.limits_s = [], [], []
        self.now_s = 0.0
        """A clock that advances only with images."""
        self.half = ('bf16', '')
        self.notes = {}

    def __call__(self, environment):
        self.environments.append(environment)
        return FakeWorker(self)


class FakeWorker:
    """A worker without a process."""

    def __init__(self, machine):
        self.machine, self.implementation = machine, None

    def __enter__(self):
        self.machine.open_now += 1
        self.machine.most_open = max(self.machine.most_open, self.machine.open_now)
        return self

    def __exit__(self, *_):
        self.machine.open_now -= 1

    def kill_after(self, limit_s):
        self.machine.limits_s.append(limit_s)

    def call(self, function, *arguments):
        self.machine.requests.append(function)
        if function in self.machine.lacking:
            raise WorkerError(self.machine.lacking[function])
        return getattr(self, function.rpartition('.')[2])(*arguments)

    def load(self, implementation):
        if implementation.kind in self.machine.lacking:
            raise WorkerError(self.machine.lacking[implementation.kind])
        self.implementation = implementation
        self.machine.opened.append(implementation)

    def facts(self):
        precision = (
            'fp32' if self.implementation.precision == 'auto' else self.implementation.precision
        )
        return {'device': 'cpu', 'precision': precision, **self.machine.notes}

    def run(self, size, count, batch=1):
        self.machine.order.append((self.implementation.kind, self.implementation.attention, count))
        once_ms = self.machine.taken_ms(self.implementation, tuple(size), batch)
        self.machine.now_s += 1e-3 * once_ms * count
        return [once_ms] * count

    def depths(self, size):
        self.machine.now_s += 3e-3 * self.machine.taken_ms(self.implementation, size, 1)
        full = self.implementation.precision in ('fp32', 'auto')
        return np.full((3, *size), 2.0 if full else 2.02, np.float32)

    def half_precision(self, device, precision):
        return self.machine.half

    def write_weights(self, config, weights, path):
        return 'random'

    def export_file(self, model, weights, path):
        pass

    def image_flops(self, config, size):
        pixels = size[0] * size[1]
        return 10_000 * pixels + pixels**2, pixels**2

    def memory(self):
        return 500.0, 0.0

    def matmul_tflops(self, device, precision):
        return 0.5
