"""A fake of the benchmark's processes: every implementation takes a given time."""

from __future__ import annotations

from pathlib import Path

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
        self.half = {'half': 'bf16', 'reason': ''}
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

    def request(self, do, **about):
        self.machine.requests.append(do)
        if do in self.machine.lacking:
            raise WorkerError(self.machine.lacking[do])
        if do == 'weights':
            Path(about['path']).write_bytes(b'weights')
        if do == 'depths':
            halved = (
                self.implementation.precision != 'fp32' and self.implementation.precision != 'auto'
            )
            depths = np.full((3, *about['size']), 2.02 if halved else 2.0, np.float32)
            np.save(about['path'], depths)
            self.machine.now_s += 3e-3 * self.machine.taken_ms(
                self.implementation, tuple(about['size']), 1
            )
        pixels = about['size'][0] * about['size'][1] if 'size' in about else 1
        return {
            'half_precision': self.machine.half,
            'weights': {'origin': 'random'},
            'flops': {'all': 10_000 * pixels + pixels**2, 'attention': pixels**2},
            'memory': {'peak_mb': 500.0, 'device_peak_mb': 0.0},
            'matmul': {'matmul_tflops': 0.5},
        }.get(do, {})
