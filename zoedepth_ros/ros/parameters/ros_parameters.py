"""The ROS parameters of the node: declaration, validation, changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import ParameterException
from rclpy.node import Node

from zoedepth_ros.pipeline.parameter import Parameter
from zoedepth_ros.ros.parameters.camera_settings import OWN_NAMES, CameraSettings
from zoedepth_ros.ros.parameters.node_settings import TABLE, settings_from


class NodeParameters:
    """Hold the present settings; a change replaces the whole object."""

    def __init__(
        self,
        node: Node,
        is_active: Callable[[], bool],
        also_check: Callable[[CameraSettings], str | None],
        on_change: Callable[[CameraSettings], None],
    ) -> None:
        """Declare every parameter and read what the launch file gives.

        node: one that allows undeclared parameters, so that a camera can get its own value at run
        time.  also_check: returns why settings do not fit the loaded model, or None.  on_change:
        called with settings that replace the present ones.
        Raises ValueError naming the parameter.
        """
        self._node, self._is_active, self._also_check = node, is_active, also_check
        self._on_change = on_change
        values = {name: _declare(node, spec) for name, spec in TABLE.items()}
        known = {name: value for name, value in values.items() if value is not None}
        common = settings_from(known)
        self.settings = CameraSettings(common)
        """The present settings; replaced as a whole."""
        own = {f'{camera}.{name}': _own_value(node, camera, name)
               for camera in common.cameras for name in OWN_NAMES}  # fmt: skip
        self.settings = self.settings.changed(own)
        node.add_on_set_parameters_callback(self._on_set)

    def warn_without_effect(self) -> None:
        """Warn of values given at start to parameters that do not exist; once topics are known."""
        for name in self._node._parameter_overrides:
            if self._node.has_parameter(name):
                continue
            try:
                self.settings.split(name)
            except ValueError as error:
                self._node.get_logger().warning(f'{error}; its value has no effect')

    def _on_set(self, parameters: list[Any]) -> SetParametersResult:
        changes = {
            p.name: p.value
            for p in parameters
            if p.name in TABLE or not self._is_of_others(p.name)
        }
        try:
            settings = self.settings.changed(changes)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        reason = settings.why_fixed(self.settings, active=self._is_active())
        reason = self._also_check(settings) if reason is None else reason
        if reason is not None:
            return SetParametersResult(successful=False, reason=reason)
        self.settings = settings
        self._on_change(settings)
        return SetParametersResult(successful=True)

    def _is_of_others(self, name: str) -> bool:
        """Return whether a parameter is rclpy's, whose declaration calls back here too."""
        camera = name.partition('.')[0]
        if camera in self.settings.common.cameras:
            return False
        return name.startswith('qos_overrides.') or self._node.has_parameter(name)


def _declare(node: Node, spec: Parameter) -> Any:
    # rclpy cannot infer the type of an empty list: one empty name stands for none.
    default = list(spec.default) or [''] if isinstance(spec.default, tuple) else spec.default
    is_empty = isinstance(default, list) and _is_without_type(node, spec.name)
    try:
        value = node.declare_parameter(
            spec.name, default, descriptor(spec), ignore_override=is_empty
        ).value
    except ParameterException as error:
        hint = '; YAML reads off as false: write "off" in quotes' if 'off' in spec.choices else ''
        raise ValueError(f'parameter {spec.name}: {error}{hint}') from error
    return [part for part in value if part] if isinstance(value, list) else value


def _is_without_type(node: Node, name: str) -> bool:
    """Return whether the value given at start is `[]`, which leaves a parameter without a value.

    With such a parameter every request for several parameters gets an empty answer.
    """
    value = node.declare_parameter(name, [''], ParameterDescriptor(dynamic_typing=True)).value
    node.undeclare_parameter(name)
    return value is None


def _own_value(node: Node, camera: str, name: str) -> Any:
    """Declare a camera's own parameter if it is set at start; None otherwise."""
    described = descriptor(TABLE[name])
    described.name, described.dynamic_typing = f'{camera}.{name}', True
    described.read_only = False  # or it could not be undeclared; changes are refused here anyway
    try:
        value = node.declare_parameter(described.name, None, described).value
    except ParameterException as error:
        raise ValueError(f'parameter {described.name}: {error}') from error
    if value is None:
        node.undeclare_parameter(described.name)
    return value


def descriptor(spec: Parameter) -> ParameterDescriptor:
    """Return the ROS descriptor of a parameter: text, range or choices, when it may change."""
    constraints = f'one of: {", ".join(spec.choices)}' if spec.choices else ''
    if spec.changeable == 'inactive':
        constraints += '; ' * bool(constraints) + 'cannot be changed while the node is active'
    described = ParameterDescriptor(
        name=spec.name,
        description=spec.description,
        additional_constraints=constraints,
        read_only=spec.changeable == 'start',
    )
    if spec.limits is None:
        return described
    low, high = spec.limits
    if isinstance(spec.default, float):
        described.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    else:
        described.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=1)]
    return described
