"""A process for one implementation: what one leaves in memory changes the times of another.

`Worker` starts the process and sends requests as lines of JSON; `Service` answers them there.
Only `Service` imports torch, when it is needed.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from zoedepth_ros.benchmark.implementations import Implementation, Runner, Size, sample_images
from zoedepth_ros.environment import STEERING

OUT_OF_TIME = 'not finished within the remaining time'
_STEERING = (*STEERING, 'LD_PRELOAD')

Response = dict[str, Any]


class WorkerError(ValueError):
    """An implementation could not be measured."""


class Worker:
    """One process with one implementation; it ends with the `with` block."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """environment: variables to add; None removes those of allocator and threads."""
        environ = dict(os.environ)
        if environment is None:
            environ = {k: v for k, v in environ.items() if not k.startswith(_STEERING)}
        self._timer: threading.Timer | None = None
        self._expired = False
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'zoedepth_ros.benchmark.worker'],
            env={**environ, **(environment or {}), 'HF_HUB_OFFLINE': '1'},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def kill_after(self, limit_s: float) -> None:
        """Kill the process after this time [s]; infinite for never."""
        if math.isfinite(limit_s):
            self._timer = threading.Timer(max(0.0, limit_s), self._expire)
            self._timer.daemon = True
            self._timer.start()

    def _expire(self) -> None:
        self._expired = True
        self._process.kill()

    def close(self) -> None:
        """Stop the process."""
        if self._timer is not None:
            self._timer.cancel()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):  # a request that the process did not read
                    stream.close()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def request(self, do: str, **arguments: Any) -> Response:
        """Send a request and wait; WorkerError if it fails or the process has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(request_line(do, **arguments))
            self._process.stdin.flush()
        except OSError as error:
            reason = OUT_OF_TIME if self._expired else 'its process has ended'
            raise WorkerError(reason) from error
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            if self._expired:
                raise WorkerError(OUT_OF_TIME)
            hint = ' (killed: too little memory?)' if code == -9 else ''
            raise WorkerError(f'its process ended with exit code {code}{hint}')
        response = json.loads(line)
        if 'error' in response:
            missing = response['missing'] if response['kind'] == 'ModuleNotFoundError' else ''
            advice = f': pip install {missing}' if missing else ''
            raise WorkerError(f'{response["error"]}{advice}')
        return dict(response)

    def load(self, implementation: Implementation) -> None:
        """Load an implementation."""
        self.request('load', implementation=implementation)

    def facts(self) -> dict[str, str]:
        """Return what runs; after an image this includes later fallbacks."""
        return dict(self.request('facts')['facts'])

    def run(self, size: Size, count: int, batch: int = 1) -> list[float]:
        """Run images, or batches of them; returns the time of each [ms]."""
        return list(self.request('run', size=size, count=count, batch=batch)['times_ms'])


class Service:
    """Answer requests about one implementation, in its process."""

    def __init__(self) -> None:
        self._runner: Runner | None = None
        self._images: dict[Size, list[Any]] = {}

    def weights(self, model: str, weights: str, path: str) -> Response:
        """Write the weights that all implementations load."""
        from zoedepth_ros.benchmark.conditioned_weights import write_weights
        from zoedepth_ros.model.presets import preset

        return {'origin': write_weights(preset(model), weights, Path(path))}

    def half_precision(self, device: str, precision: str) -> Response:
        """Return the half precision to measure, '' for none, and the reason."""
        from zoedepth_ros.benchmark.runners import half_precision

        half, reason = half_precision(device, precision)
        return {'half': half, 'reason': reason}

    def export(self, model: str, weights: str, path: str) -> Response:
        """Write the file that other runtimes load."""
        from zoedepth_ros.benchmark.runners import export_file

        return {'head': export_file(model, weights, Path(path))}

    def flops(self, model: str, size: tuple[int, int]) -> Response:
        """Return the operations of one image: all, and those in attention."""
        from zoedepth_ros.benchmark.flops import image_flops
        from zoedepth_ros.model.presets import preset

        total, attention = image_flops(preset(model), (size[0], size[1]))
        return {'all': total, 'attention': attention}

    def load(self, implementation: dict[str, Any]) -> Response:
        """Load the implementation."""
        self._runner = _runner(Implementation(**implementation))
        return {}

    def facts(self) -> Response:
        """Return what runs, and the state of torch."""
        import torch

        assert self._runner is not None
        facts = {'threads': str(torch.get_num_threads()), 'torch': torch.__version__}
        return {'facts': self._runner.facts() | facts}

    def run(self, size: tuple[int, int], count: int, batch: int) -> Response:
        """Run images, or batches of them; returns the time of each [ms]."""
        assert self._runner is not None
        images = self._sample_images(size)
        times_ms = []
        for number in range(count):
            rgbs = [images[(number + i) % len(images)] for i in range(batch)]
            start_ns = time.perf_counter_ns()
            if batch == 1:
                self._runner(rgbs[0])
            else:
                self._runner.batch(rgbs)
            times_ms.append(1e-6 * (time.perf_counter_ns() - start_ns))
        return {'times_ms': times_ms}

    def depths(self, size: tuple[int, int], path: str) -> Response:
        """Write the depth of every sample image to a file: (n, H, W)."""
        assert self._runner is not None
        np.save(path, np.stack([self._runner(rgb) for rgb in self._sample_images(size)]))
        return {}

    def memory(self) -> Response:
        """Return the peak memory of this process and of its device [MB]."""
        import resource

        import torch

        peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        device = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
        return {'peak_mb': 1.024e-3 * peak_kb, 'device_peak_mb': 1e-6 * device}

    def matmul(self, device: str, precision: str) -> Response:
        """Return the rate of matrix products on this machine [TFLOP/s]."""
        from zoedepth_ros.benchmark.flops import matmul_tflops

        return {'matmul_tflops': matmul_tflops(device, precision)}

    def _sample_images(self, size: tuple[int, int]) -> list[Any]:
        key = (size[0], size[1])
        if key not in self._images:
            self._images[key] = sample_images(key)
        return self._images[key]


def _runner(implementation: Implementation) -> Runner:
    if implementation.kind == 'transformers':
        from zoedepth_ros.benchmark.transformers_runner import TransformersRunner

        return TransformersRunner(implementation)
    from zoedepth_ros.benchmark.runners import ExportedRunner, OurRunner

    return (
        OurRunner(implementation)
        if implementation.kind == 'ours'
        else ExportedRunner(implementation)
    )


def serve(service: object, requests: IO[str], responses: IO[str]) -> None:
    """Answer requests until the end of the input."""
    for line in requests:
        request = json.loads(line)
        method: Callable[..., Response] = getattr(service, request.pop('do'))
        try:
            response = method(**request)
        except Exception as error:  # every error goes to the other process
            response = {'error': str(error) or type(error).__name__, 'kind': type(error).__name__}
            response['missing'] = getattr(error, 'name', None) or ''
        responses.write(json.dumps(response) + '\n')
        responses.flush()


def request_line(do: str, **arguments: Any) -> str:
    """Return one request as a line of JSON."""
    plain = {
        name: dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value  # type: ignore[arg-type]
        for name, value in arguments.items()
    }
    return json.dumps({'do': do, **plain}) + '\n'


def main() -> None:
    """Serve on stdin and stdout; what libraries print goes to stderr."""
    responses = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    serve(Service(), sys.stdin, responses)


if __name__ == '__main__':
    main()
