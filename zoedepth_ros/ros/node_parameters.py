"""The parameter table as ROS parameters of a node: declared, validated, swapped as a whole."""

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

from .parameters import TABLE, NodeSettings, Parameter, settings_from, why_fixed


class NodeParameters:
    """Hold the present settings; other threads see all of a change or nothing."""

    def __init__(
        self,
        node: Node,
        is_active: Callable[[], bool],
        also_check: Callable[[NodeSettings], str | None],
    ) -> None:
        """Declare every parameter and read what the launch file gives.

        also_check: gives the reason why settings do not fit the loaded model, or None.  Raises
        ValueError naming the parameter.
        """
        self._is_active, self._also_check = is_active, also_check
        values = {name: _declare(node, spec) for name, spec in TABLE.items()}
        self._settings = settings_from(values)
        node.add_on_set_parameters_callback(self._on_set)

    @property
    def settings(self) -> NodeSettings:
        """One consistent set; take it once and use that."""
        return self._settings

    def _on_set(self, parameters: list[Any]) -> SetParametersResult:
        changes = {p.name: p.value for p in parameters if p.name in TABLE}
        if not changes:
            return SetParametersResult(successful=True)
        try:
            settings = settings_from(changes, self._settings)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        reason = why_fixed(changes, self._settings, active=self._is_active())
        reason = self._also_check(settings) if reason is None else reason
        if reason is not None:
            return SetParametersResult(successful=False, reason=reason)
        self._settings = settings
        return SetParametersResult(successful=True)


def _declare(node: Node, spec: Parameter) -> Any:
    try:
        return node.declare_parameter(spec.name, spec.default, descriptor(spec)).value
    except ParameterException as error:
        raise ValueError(f'parameter {spec.name}: {error}') from error


def descriptor(spec: Parameter) -> ParameterDescriptor:
    """Describe a parameter to ROS: text, range or choices, when it may change."""
    constraints = f'one of: {", ".join(spec.choices)}' if spec.choices else ''
    if spec.changeable == 'inactive':
        constraints += '; ' * bool(constraints) + 'fixed while the node is active'
    described = ParameterDescriptor(
        name=spec.name,
        description=spec.description,
        additional_constraints=constraints,
        read_only=spec.changeable == 'start',
    )
    if spec.low is None or spec.high is None:
        return described
    if isinstance(spec.default, float):
        limits = FloatingPointRange(from_value=float(spec.low), to_value=float(spec.high))
        described.floating_point_range = [limits]
    else:
        limits = IntegerRange(from_value=int(spec.low), to_value=int(spec.high), step=1)
        described.integer_range = [limits]
    return described
