"""What is told of a predictor also while there is none, because another is being built."""

from __future__ import annotations

from dataclasses import dataclass

from zoedepth_ros.inference.result import DepthPredictor


@dataclass(frozen=True, slots=True)
class Facts:
    """Hold what is told of a predictor, never the predictor itself."""

    model_name: str
    """As in DepthPredictor."""

    heads: tuple[str, ...]
    """As in DepthPredictor."""

    device: str
    """As in DepthPredictor."""

    precision: str
    """As in DepthPredictor."""

    weights_origin: str
    """As in DepthPredictor."""

    weights_warning: str
    """As in DepthPredictor."""

    training_hfov_rad: float
    """As in DepthPredictor."""

    focal_exponent: float
    """As in DepthPredictor."""


def facts_of(predictor: DepthPredictor) -> Facts:
    """Write down what a predictor says of itself."""
    return Facts(
        predictor.model_name,
        predictor.heads,
        predictor.device,
        predictor.precision,
        predictor.weights_origin,
        predictor.weights_warning,
        predictor.training_hfov_rad,
        predictor.focal_exponent,
    )


class TellsFacts:
    """Give the part of DepthPredictor that is written down in `_facts`."""

    _facts: Facts

    @property
    def model_name(self) -> str:
        """The preset."""
        return self._facts.model_name

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads that the model has."""
        return self._facts.heads

    @property
    def device(self) -> str:
        """Where it runs now."""
        return self._facts.device

    @property
    def precision(self) -> str:
        """What it computes in now."""
        return self._facts.precision

    @property
    def weights_origin(self) -> str:
        """Where the parameters came from."""
        return self._facts.weights_origin

    @property
    def weights_warning(self) -> str:
        """'' for released weights, otherwise a warning."""
        return self._facts.weights_warning

    @property
    def training_hfov_rad(self) -> float:
        """Field of view of the camera as if through which depth is told [rad]; 0.0 for unknown."""
        return self._facts.training_hfov_rad

    @property
    def focal_exponent(self) -> float:
        """Exponent of the ratio of focal lengths that brings depth to an image's camera."""
        return self._facts.focal_exponent
