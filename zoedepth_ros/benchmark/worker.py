"""A process of its own for one side: what one side leaves in memory changes the other's times.

Requests come as lines of JSON, answers go back the same way; see Worker for the other end.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from zoedepth_ros.benchmark.sides import Runner, Side, Size, pictures

Answer = dict[str, Any]


class Service:
    """Answer requests about one side."""

    def __init__(self) -> None:
        self._runner: Runner | None = None
        self._pictures: dict[Size, list[Any]] = {}

    def weights(self, model: str, weights: str, path: str) -> Answer:
        """Write the weights that all sides will read."""
        from zoedepth_ros.benchmark.weights import write_weights
        from zoedepth_ros.model.presets import preset

        return {'origin': write_weights(preset(model), weights, Path(path))}

    def half(self, device: str, precision: str) -> Answer:
        """Return the half precision to measure, '' for none, and why there is none."""
        from zoedepth_ros.benchmark.precisions import half_precision

        half, reason = half_precision(device, precision)
        return {'half': half, 'reason': reason}

    def export(self, model: str, weights: str, path: str) -> Answer:
        """Write the file that other runtimes will read."""
        from zoedepth_ros.benchmark.exporting import export

        return {'head': export(model, weights, Path(path))}

    def work(self, model: str, size: tuple[int, int]) -> Answer:
        """Return the operations of one picture: all, and those in attention."""
        from zoedepth_ros.benchmark.work import frame_flops
        from zoedepth_ros.model.presets import preset

        every, attention = frame_flops(preset(model), (size[0], size[1]))
        return {'all': every, 'attention': attention}

    def open(self, side: dict[str, Any]) -> Answer:
        """Make the side ready."""
        self._runner = _runner(Side(**side))
        return {}

    def facts(self) -> Answer:
        """Return what the side says about itself and about torch."""
        import torch

        assert self._runner is not None
        facts = {'threads': str(torch.get_num_threads()), 'torch': torch.__version__}
        return {'facts': self._runner.facts() | facts}

    def frames(self, size: tuple[int, int], count: int, batch: int) -> Answer:
        """Run so many pictures, or batches of them, and return the time of each [ms]."""
        assert self._runner is not None
        drawn = self._drawn(size)
        times_ms = []
        for number in range(count):
            rgbs = [drawn[(number + i) % len(drawn)] for i in range(batch)]
            start_ns = time.perf_counter_ns()
            if batch == 1:
                self._runner(rgbs[0])
            else:
                self._runner.batch(rgbs)
            times_ms.append(1e-6 * (time.perf_counter_ns() - start_ns))
        return {'times_ms': times_ms}

    def depths(self, size: tuple[int, int], path: str) -> Answer:
        """Write the depth of every picture to a file: (pictures, H, W)."""
        assert self._runner is not None
        np.save(path, np.stack([self._runner(rgb) for rgb in self._drawn(size)]))
        return {}

    def memory(self) -> Answer:
        """Return the most memory that this process and its device have held [MB]."""
        import resource

        import torch

        peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        device = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
        return {'peak_mb': 1.024e-3 * peak_kb, 'device_peak_mb': 1e-6 * device}

    def products(self, device: str, precision: str) -> Answer:
        """Return how fast matrices are multiplied here [TFLOP/s]."""
        from zoedepth_ros.benchmark.work import matmul_tflops

        return {'matmul_tflops': matmul_tflops(device, precision)}

    def _drawn(self, size: tuple[int, int]) -> list[Any]:
        key = (size[0], size[1])
        if key not in self._pictures:
            self._pictures[key] = pictures(key)
        return self._pictures[key]


def _runner(side: Side) -> Runner:
    if side.kind == 'ours':
        from zoedepth_ros.benchmark.our_side import Ours

        return Ours(side)
    if side.kind != 'transformers':
        from zoedepth_ros.benchmark.exported_side import Exported

        return Exported(side)
    from zoedepth_ros.benchmark.transformers_side import Transformers

    return Transformers(side)


def serve(service: object, requests: IO[str], answers: IO[str]) -> None:
    """Answer until there is nothing more to read."""
    for line in requests:
        request = json.loads(line)
        method: Callable[..., Answer] = getattr(service, request.pop('do'))
        try:
            answer = method(**request)
        except Exception as error:  # whatever it is, the other end must hear of it
            answer = {'error': str(error) or type(error).__name__, 'kind': type(error).__name__}
            answer['missing'] = getattr(error, 'name', None) or ''
        answers.write(json.dumps(answer) + '\n')
        answers.flush()


def request(do: str, **arguments: Any) -> str:
    """Return one request as a line."""
    plain = {
        name: dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value  # type: ignore[arg-type]
        for name, value in arguments.items()
    }
    return json.dumps({'do': do, **plain}) + '\n'


def main() -> None:
    """Serve on the standard streams; what libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    serve(Service(), sys.stdin, answers)


if __name__ == '__main__':
    main()
