"""Scenarios of the predictor on a stand-in for the CUDA libraries; see CONTRIBUTING.md.

Reads lines of JSON, [scenario, arguments, environment], runs each in a forked process, because
torch is slow to import, and answers with a line: [exit code, result].  The stand-in is the first
library of LD_PRELOAD.  Writes files in the current folder.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from fake_device import cloud_request

from zoedepth_ros.build import build_predictor
from zoedepth_ros.errors import EXIT_CONTEXT_LOST
from zoedepth_ros.inference.fallback import FallbackPredictor, PredictorSettings
from zoedepth_ros.inference.result import ContextLost, InferenceError
from zoedepth_ros.inference.runtimes import optimize

STAND_IN = ctypes.CDLL(os.environ['LD_PRELOAD'].split(':')[0])
SIZE = (96, 128)
BROKEN, NO_KERNEL = 719, 209  # numbers of cudaError_t


def grey(height: int = SIZE[0], width: int = SIZE[1]) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def make_predictor(wanted: PredictorSettings):
    return build_predictor(wanted.model, wanted.weights, wanted.device, wanted.precision)


def settings(device: str = 'cuda:0') -> PredictorSettings:
    return PredictorSettings(
        'ZoeD_tiny_NK', 'random', 'torch', device, 'auto', 'auto', 0, 0, False, False
    )


def fallback(device: str = 'cuda:0', warnings: list[str] | None = None) -> FallbackPredictor:
    warn = (lambda text: None) if warnings is None else warnings.append
    return FallbackPredictor(make_predictor, settings(device), warn, lambda: LOST.append(True))


LOST: list[bool] = []


def calls(run: Callable[[], object]) -> dict[str, int]:
    """Return how often each function of CUDA was called, and kernels and copies."""
    STAND_IN.stub_reset_counts()
    run()
    STAND_IN.stub_counts(b'calls.txt')
    lines = (line.split('\t') for line in Path('calls.txt').read_text().splitlines())
    return {name: int(number) for name, number in lines}


RAYS = np.zeros((*SIZE, 2), np.float32)


def cloud_of(result):
    return result.pack_cloud(cloud_request(RAYS, edges=True, color=True, organized=False))


def life() -> None:
    """Do everything that a node does."""
    predictor = fallback()
    predictor.warm_up(*SIZE)
    kept = []
    for head in ('indoor', 'auto', 'outdoor'):
        result = predictor(grey(), head)
        kept.append((result, cloud_of(result)))
    predictor(grey(60, 80), 'indoor')
    predictor.predict_batch([grey()] * 2, ['indoor'] * 2, routes=[True] * 2)
    with suppress(InferenceError):  # the image is dropped
        recover(predictor)
    predictor(grey(), 'indoor')


def recover(predictor: FallbackPredictor) -> None:
    """Build the network again, as the service ~/recover does after a fallback."""
    predictor._reasons['a test'] = 'a test'
    predictor.recover()
    predictor(grey(), 'indoor')


def in_child(run: Callable[[], int]) -> int:
    """Return the exit code of a forked process, negative for a signal."""
    child = os.fork()
    if child == 0:
        os._exit(run())
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def sticky(function: str, counted: str, positions: int) -> list[list[object]]:
    """Let a call of a function break the context, evenly spread over a life.

    Return the number of the call and the exit code of each process.
    """

    def count() -> int:
        Path('number').write_text(str(calls(life)[counted]))
        return 0

    def broken(after: int) -> int:
        STAND_IN.stub_inject(function.encode(), -BROKEN, after)
        code = 0  # there were fewer calls
        try:
            life()
        except InferenceError as error:
            code = EXIT_CONTEXT_LOST if LOST or isinstance(error, ContextLost) else 1
        gc.collect()
        return code

    assert in_child(count) == 0
    places = np.linspace(1, int(Path('number').read_text()) - 1, positions).astype(int)
    return [[int(place), in_child(lambda: broken(int(place)))] for place in places]  # noqa: B023


def idle(what: str) -> dict[str, object]:
    """Break the context while nothing runs, then do one thing and end as any program."""
    predictor = fallback()
    predictor.warm_up(*SIZE)
    result = predictor(grey(), 'indoor')
    cloud = cloud_of(result)
    STAND_IN.stub_sticky(BROKEN)
    raised = ''
    try:
        if what == 'frame':
            predictor(grey(), 'indoor')
        elif what == 'cloud':
            cloud_of(result)
        elif what == 'recover':
            recover(predictor)
        elif what == 'drop':
            del predictor, result, cloud
    except InferenceError as error:
        raised = type(error).__name__
    gc.collect()
    return {'raised': raised, 'lost': bool(LOST)}


def sizes_in_turn() -> dict[str, int]:
    predictor = make_predictor(settings())
    images = [grey(), grey(60, 80)]
    for image in images:
        predictor(image, 'indoor')
    return calls(lambda: [predictor(image, 'indoor') for image in images * 4])


def many_sizes() -> list[int]:
    """Return the memory in use [MB]: after one size, then after each round of 32 sizes."""
    predictor = make_predictor(settings())
    predictor(grey(480, 640), 'indoor')
    used = [STAND_IN.stub_used_mb()]
    for _ in range(3):
        for row in range(32):
            predictor(grey(480 + 2 * row, 640), 'indoor')
        used.append(STAND_IN.stub_used_mb())
    return used


def batches() -> list[dict[str, int]]:
    """Return the calls of batches of 2, 3 and 4 images after the first of each."""
    predictor = make_predictor(settings())

    def run(count: int) -> None:
        predictor.predict_batch([grey()] * count, ['indoor'] * count, routes=[True] * count)

    found = []
    for count in (2, 3, 4):
        run(count)
        found.append(calls(lambda: run(count)))  # noqa: B023
    return found


def loading(device: str, failure: str) -> dict[str, object]:
    """Load on a GPU whose first call fails, or without memory."""
    optimize.bin_operators = lambda *arguments: None  # may fail: torch computes the bins then
    if failure == 'error':
        STAND_IN.stub_inject(b'cudaMalloc', NO_KERNEL, 0)
    else:
        STAND_IN.stub_limit_mb(1)
    try:
        predictor = fallback(device)
    except InferenceError as error:
        return {'raised': type(error).__name__}
    predictor.warm_up(*SIZE)
    shape = predictor(grey(), 'indoor').depth_m.shape
    return {'device': predictor.device, 'notices': predictor.notices, 'shape': shape}


def full_for_the_cloud() -> dict[str, object]:
    """Leave no memory for the copies from which the cloud of a large image is made."""
    predictor = fallback()
    predictor.warm_up(*SIZE)
    clouds = predictor._predictor._clouds  # type: ignore[union-attr]
    keep, large = clouds.keep, grey(2160, 3840)
    before = predictor.network_size(*large.shape[:2])

    def in_full_memory(*arguments, **options):
        torch.cuda.empty_cache()
        STAND_IN.stub_limit_mb(STAND_IN.stub_used_mb() + 1)
        kept = keep(*arguments, **options)
        STAND_IN.stub_limit_mb(0)
        return kept

    clouds.keep = in_full_memory
    result = predictor(large, 'indoor')
    return {
        'sizes': [before, predictor.network_size(*large.shape[:2])],
        'on the device': result.pack_cloud is not None,
        'device': predictor.device,
        'notices': predictor.notices,
    }


def not_finite() -> dict[str, object]:
    """Run with a stand-in whose copies to the host bring zeros: 'not all maps are finite'."""
    warnings: list[str] = []
    predictor, raised = fallback(warnings=warnings), ''
    try:
        predictor.warm_up(*SIZE)
    except InferenceError as error:
        raised = type(error).__name__
    return {'warnings': warnings, 'raised': raised, 'precision': predictor.precision}


def load_peak() -> dict[str, int]:
    """Return the size of the network on the device and the peak while loading [bytes]."""
    optimize.bin_operators = lambda *arguments: None  # its check needs a workspace of cuBLAS
    torch.zeros(1, device='cuda')
    torch.cuda.reset_peak_memory_stats()
    network = make_predictor(settings())._network.network
    tensors = [*network.parameters(), *network.buffers()]
    blocks = [-(-x.numel() * x.element_size() // 512) * 512 for x in tensors]  # of the allocator
    return {'network': sum(blocks), 'peak': torch.cuda.max_memory_allocated()}


def second_device() -> dict[str, int]:
    """Run on cuda:1; return the memory of both devices [bytes]."""
    predictor = make_predictor(settings('cuda:1'))
    predictor.warm_up(*SIZE)
    result = predictor(grey(), 'indoor')
    cloud_of(result)
    return {f'cuda:{index}': torch.cuda.memory_allocated(index) for index in range(2)}


def failing_capture() -> list[bool]:
    """Let the capture of the first head fail; return whether each image was a graph launch."""
    predictor = make_predictor(settings())
    STAND_IN.stub_fail_end_capture(1)
    return ['cudaGraphLaunch' in calls(lambda: predictor(grey(), 'indoor')) for _ in range(40)]


def main() -> None:
    for line in sys.stdin:
        scenario, arguments, environment = json.loads(line)
        child = os.fork()
        if child == 0:
            os.environ.update(environment)
            Path('result').write_text(json.dumps(globals()[scenario](*arguments)))
            return  # ends as any program
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        result = Path('result')
        answer = [code, json.loads(result.read_text()) if result.exists() else None]
        result.unlink(missing_ok=True)
        sys.stdout.write(json.dumps(answer) + '\n')
        sys.stdout.flush()


if __name__ == '__main__':
    main()
