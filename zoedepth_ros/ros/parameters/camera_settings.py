"""The settings of several cameras: common values, and those of one camera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zoedepth_ros.inference.result import DepthPredictor
from zoedepth_ros.pipeline import request
from zoedepth_ros.pipeline.parameter import Value
from zoedepth_ros.ros.parameters.node_settings import TABLE, NodeSettings, settings_from, why_fixed

OWN_NAMES = tuple(name for name, spec in TABLE.items() if not spec.shared)
"""Parameters that each camera may have its own value of, as <camera>.<name>."""


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """Hold the settings of all cameras; swapped as a whole."""

    common: NodeSettings
    """Values for cameras without their own; all values of a node without camera names."""

    own: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    """Camera -> parameter -> its own value."""

    _merged: dict[str, NodeSettings] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for camera in self.common.cameras:
            try:
                self._merged[camera] = settings_from(self.own.get(camera, {}), self.common)
            except ValueError as error:
                raise ValueError(f'camera {camera}: {error}') from None

    def of(self, camera: str) -> NodeSettings:
        """Return the settings of one camera; '' is the one without a name."""
        return self._merged[camera] if camera else self.common

    def changed(self, changes: Mapping[str, Value | None]) -> CameraSettings:
        """Return the settings after changes by full ROS name; None removes a camera's own value.

        Raises ValueError naming the parameter, what was expected and what came.
        """
        common: dict[str, Value] = {}
        own = {camera: dict(values) for camera, values in self.own.items()}
        for name, value in changes.items():
            if name in TABLE:
                if value is None:
                    raise ValueError(f'the parameter {name} cannot be removed')
                common[name] = value
                continue
            camera, plain = self.split(name)
            if value is None:
                own.get(camera, {}).pop(plain, None)
            else:
                own.setdefault(camera, {})[plain] = value
        return CameraSettings(settings_from(common, self.common), own)

    def split(self, name: str) -> tuple[str, str]:
        """Return camera and parameter of a name such as 'front.depth.rate'.

        Raises ValueError saying why there is no such parameter.
        """
        camera, _, plain = name.partition('.')
        if camera not in self.common.cameras or not plain:
            raise ValueError(f'{name} is not a parameter of the node')
        if plain not in TABLE:
            raise ValueError(f'{plain} is not a parameter of the camera {camera}')
        if TABLE[plain].shared:
            raise ValueError(
                f'the parameter {plain} has one value for all cameras: set {plain}, not '
                f'{camera}.{plain}'
            )
        return camera, plain

    def why_fixed(self, before: CameraSettings, *, active: bool) -> str | None:
        """Return why these cannot replace the previous ones, or None."""
        for camera in ('', *self.common.cameras):
            reason = why_fixed(before.of(camera), self.of(camera), active=active)
            if reason is not None:
                return f'{camera}.{reason}' if camera else reason
        return None


def why_unfit(settings: CameraSettings, predictor: DepthPredictor) -> str | None:
    """Return why the settings of a camera do not fit a predictor, or None."""
    for camera in ('', *settings.common.cameras):
        reason = request.why_unfit(settings.of(camera), predictor)
        if reason is not None:
            return f'{camera}.' * bool(camera) + reason
    return None
