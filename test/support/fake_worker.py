"""Stand in for the benchmark's processes: every side takes the time it is told to take."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zoedepth_ros.benchmark.process import SideError


class FakeMachine:
    """Start workers whose sides take known times [ms] and give known depths."""

    def __init__(self, taken_ms=lambda side, size, batch: 10.0, lacking=None):
        self.taken_ms, self.lacking = taken_ms, lacking or {}
        self.environments, self.open_now, self.most_open, self.opened = [], 0, 0, []
        self.order, self.asked, self.limits_s = [], [], []
        self.now_s = 0.0
        """What has been spent of a clock that only pictures move."""
        self.half = {'half': 'bf16', 'reason': ''}
        self.notes = {}

    def __call__(self, environment):
        self.environments.append(environment)
        return FakeWorker(self)


class FakeWorker:
    """One process that is none."""

    def __init__(self, machine):
        self.machine, self.side = machine, None

    def __enter__(self):
        self.machine.open_now += 1
        self.machine.most_open = max(self.machine.most_open, self.machine.open_now)
        return self

    def __exit__(self, *_):
        self.machine.open_now -= 1

    def end_after(self, limit_s):
        self.machine.limits_s.append(limit_s)

    def open(self, side):
        if side.kind in self.machine.lacking:
            raise SideError(self.machine.lacking[side.kind])
        self.side = side
        self.machine.opened.append(side)

    def facts(self):
        precision = 'fp32' if self.side.precision == 'auto' else self.side.precision
        return {'device': 'cpu', 'precision': precision, **self.machine.notes}

    def frames(self, size, count, batch=1):
        self.machine.order.append((self.side.kind, self.side.attention, count))
        once_ms = self.machine.taken_ms(self.side, tuple(size), batch)
        self.machine.now_s += 1e-3 * once_ms * count
        return [once_ms] * count

    def ask(self, do, **about):
        self.machine.asked.append(do)
        if do in self.machine.lacking:
            raise SideError(self.machine.lacking[do])
        if do == 'weights':
            Path(about['path']).write_bytes(b'weights')
        if do == 'depths':
            halved = self.side.precision != 'fp32' and self.side.precision != 'auto'
            depths = np.full((3, *about['size']), 2.02 if halved else 2.0, np.float32)
            np.save(about['path'], depths)
            self.machine.now_s += 3e-3 * self.machine.taken_ms(self.side, tuple(about['size']), 1)
        pixels = about['size'][0] * about['size'][1] if 'size' in about else 1
        return {
            'half': self.machine.half,
            'weights': {'origin': 'random'},
            'work': {'all': 10_000 * pixels + pixels**2, 'attention': pixels**2},
            'memory': {'peak_mb': 500.0, 'device_peak_mb': 0.0},
            'products': {'matmul_tflops': 0.5},
        }.get(do, {})
