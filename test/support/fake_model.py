"""What builds a FakePredictor in another process."""

from __future__ import annotations

from dataclasses import dataclass

from fake_predictor import FakePredictor


@dataclass(frozen=True)
class FakeModel:
    """Stand in for recordings.fleet.Model."""

    depth_m: float = 2.0

    def build(self) -> FakePredictor:
        return FakePredictor(self.depth_m)
