"""Builders of a FakePredictor in another process."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fake_predictor import FakePredictor
from waiting import wait_until

from zoedepth_ros.inference.result import ContextLost


@dataclass(frozen=True)
class FakeModel:
    """A fake of recordings.fleet.Model."""

    depth_m: float = 2.0
    device: str = 'cpu'

    def build(self) -> FakePredictor:
        return FakePredictor(self.depth_m)

    def request(self) -> dict[str, str]:
        return {'model': 'fake', 'weights': str(self.depth_m), 'precision': 'fp32'}


class _Interrupted:
    """A FakeModel whose process may end or stop."""

    device = 'cpu'

    def build(self) -> FakePredictor:
        return FakePredictor(self._depth)

    def request(self) -> dict[str, str]:
        return FakeModel().request()

    def _depth(self, rgb: np.ndarray, head: str) -> np.ndarray:
        raise NotImplementedError


@dataclass(frozen=True)
class DyingModel(_Interrupted):
    """Return a predictor whose process is killed at its sixth image, once or for one recording."""

    died: str
    """Path that is made by the process that dies once."""

    always_at: str = ''
    """Name of a recording; '' for the first process, once."""

    loses_context: bool = False
    """Whether its CUDA context is lost, instead of being killed."""

    def _depth(self, rgb: np.ndarray, head: str) -> np.ndarray:
        if self.always_at:
            dies = any(self.always_at in name for name in _open_files())
        else:
            dies = rgb[0, 0, 0] == 60 and _make(Path(self.died))
            if dies:
                _wait_for_depth(rgb)
        if dies and self.loses_context:
            raise ContextLost('cuda:0: CUDA error: unspecified launch failure')
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)
        return np.full(rgb.shape[:2], 2.0, np.float32)


def _wait_for_depth(rgb: np.ndarray) -> None:
    """Wait until images with their depth are in the file.

    An image and its depth, 4 bytes a pixel, take 7/3 of the image, and the next one comes before
    its depth.
    """
    wait_until(lambda: any(size > 4 * rgb.nbytes for size in _written()))


def _written() -> list[int]:
    """Return the sizes of the unfinished recordings that this process has open."""
    paths = (path for path in _open_files() if '/out/' in path)
    return [Path(path).stat().st_size for path in paths if path.endswith('.partial')]


def _open_files() -> list[str]:
    names = []
    for path in Path('/proc/self/fd').iterdir():
        with suppress(FileNotFoundError):  # another thread has closed it
            names.append(str(path.readlink()))
    return names


def _make(path: Path) -> bool:
    """Make a file; return whether this process was the first."""
    try:
        path.open('x').close()
    except FileExistsError:
        return False
    return True


@dataclass(frozen=True)
class WaitingModel(_Interrupted):
    """Return a predictor that stops for good at its sixth image, on the first node that may.

    Those on the other node wait there until that has happened.
    """

    here: str
    """Path that is made, with the node's key in it, by the process that waits."""

    spared: str
    """Key of the Ray node whose processes do not wait."""

    def _depth(self, rgb: np.ndarray, head: str) -> np.ndarray:
        import ray

        if rgb[0, 0, 0] == 50:
            key, here = ray.get_runtime_context().get_node_id(), Path(self.here)
            if key == self.spared:
                wait_until(here.exists)
            elif not here.exists():
                _wait_for_depth(rgb)
                part = here.with_name('part')
                part.write_text(key)
                part.rename(here)
                time.sleep(3600.0)
        return np.full(rgb.shape[:2], 2.0, np.float32)


@dataclass(frozen=True)
class SwitchingModel:
    """Return a predictor that chooses heads by the image; heads differ by 2."""

    device: str = 'cpu'

    def build(self) -> FakePredictor:
        return FakePredictor(self._depth, router=self._router)

    def request(self) -> dict[str, str]:
        return {'model': 'switching', 'weights': '', 'precision': 'fp32'}

    def _depth(self, rgb: np.ndarray, head: str) -> np.ndarray:
        metres = 1.0 + rgb[0, 0, 0] / 40.0 * (2.0 if head == 'outdoor' else 1.0)
        return np.full(rgb.shape[:2], metres, np.float32)

    def _router(self, rgb: np.ndarray) -> dict[str, float]:
        indoor = 0.9 if rgb[0, 0, 0] // 70 % 2 else 0.1
        return {'indoor': indoor, 'outdoor': 1.0 - indoor}
