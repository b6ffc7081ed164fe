"""Options of the settings that commands share with the node, made of `PipelineSettings`."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoedepth_ros.cli.arguments import SHORT, angle_deg, field_of_view_deg
from zoedepth_ros.pipeline.parameter import Parameter, field_names, table_of
from zoedepth_ros.pipeline.parameter_file import parameters_in, settings_from_file
from zoedepth_ros.pipeline.settings import PipelineSettings, settings_from

NODE_ONLY = frozenset({'camera.base_frame'})
"""Parameters that need other nodes: commands have no option for them."""
OF_THE_NETWORK = frozenset(
    {
        *('model', 'weights', 'backend', 'precision', 'flip_augmentation', 'pad_input'),
        *('network.width', 'network.height'),
    }
)
"""Parameters of the node that change depth, and that commands do not read from a file."""
WITHOUT_MESSAGES = ('off', 'height')
"""Values of scale.source that need nothing but images."""
IN_RECORDINGS = (*WITHOUT_MESSAGES, 'motion')
"""Values of scale.source that need nothing but a recording."""


def add_settings(
    parser: argparse.ArgumentParser,
    base: PipelineSettings | None = None,
    *,
    besides: Collection[str] = (),
) -> None:
    """Declare --params-file and an option for each parameter, in SI units and degrees.

    base: the defaults that the help names, else those of the node.  besides: parameters, or their
    groups, that have no option in this command.
    """
    group = parser.add_argument_group(
        'settings',
        'These options are parameters of the node. An option overrides the value in '
        '--params-file.',
    )
    group.add_argument(
        '--params-file',
        metavar='FILE',
        help='Parameter file of the node, such as config/depth_node.yaml.',
    )
    left_out, names = {*NODE_ONLY, *besides}, field_names(PipelineSettings)
    base = PipelineSettings() if base is None else base
    for spec in table_of(PipelineSettings).values():
        if not {spec.name, spec.name.partition('.')[0]} & left_out:
            _add(group, replace(spec, default=getattr(base, names[spec.name])))


def settings_of(
    args: argparse.Namespace,
    base: PipelineSettings | None = None,
    scale_sources: Collection[str] = WITHOUT_MESSAGES,
) -> PipelineSettings:
    """Return the settings by --params-file and options.

    base: defaults, else those of the node.  scale_sources: values of scale.source that work in
    this command.  Raises ValueError naming what is wrong, and OSError for a file that cannot be
    read.
    """
    from zoedepth_ros.ros.parameters.node_settings import NodeSettings

    base = PipelineSettings() if base is None else base
    if args.params_file:
        path = Path(args.params_file).expanduser()
        base = settings_from_file(path, base=base, ignored=table_of(NodeSettings))
        _report_unused(path, args, {**table_of(NodeSettings), **table_of(PipelineSettings)})
        if base.camera_base_frame:
            print(
                f'{path}: camera.base_frame needs TF, which this command does not have; '
                'camera.pitch and camera.roll are used instead',
                file=sys.stderr,
            )
        if base.scale_source not in scale_sources:
            source = base.scale_source
            print(
                f'{path}: scale.source {source} needs messages that this command does not read; '
                'the scale is not estimated',
                file=sys.stderr,
            )
            base = replace(base, scale_source='off', scale_shape='factor')
    names = set(table_of(PipelineSettings))
    given = {
        name: value for name, value in vars(args).items() if name in names and value is not None
    }
    settings = settings_from(given, base)
    if settings.scale_source not in scale_sources:
        raise ValueError(
            f'scale.source {settings.scale_source} needs messages that this command does not '
            f'read: expected {" or ".join(scale_sources)}'
        )
    return settings


def _report_unused(path: Path, args: argparse.Namespace, table: Mapping[str, Parameter]) -> None:
    """Print which parameters of a file change the node's outputs but not those of the command."""
    without_option = {x for x in table_of(PipelineSettings) if not hasattr(args, x)} - NODE_ONLY
    unused = [
        name
        for name, value in parameters_in(path).items()
        if name in OF_THE_NETWORK | without_option and value != table[name].default
    ]
    if not unused:
        return
    text = f'{path}: this command does not use {", ".join(unused)} of the file'
    if OF_THE_NETWORK.intersection(unused):
        text += ', so depth differs from that of a node with this file; see the options in --help'
    print(text, file=sys.stderr)


def check_scale_file(settings: PipelineSettings) -> None:
    """Raise ValueError or OSError for a scale.file that cannot be used, before a network loads."""
    from zoedepth_ros.pipeline.scale_file import load_scales

    if settings.scale_file:
        load_scales(Path(settings.scale_file).expanduser(), None)


def _add(group: argparse._ArgumentGroup, spec: Parameter) -> None:
    option, in_degrees = SHORT.get(spec.name, spec.option), spec.unit == 'rad'
    text = spec.description.replace('%', '%%')
    if in_degrees:
        text = text.replace('[rad]', '[degrees]')
    if isinstance(spec.default, bool):
        chosen = 'yes' if spec.default else 'no'
        action = argparse.BooleanOptionalAction
        group.add_argument(
            option, dest=spec.name, action=action, default=None, help=f'{text} (default: {chosen})'
        )
        return
    default = math.degrees(float(spec.default)) if in_degrees else spec.default  # type: ignore[arg-type]
    shown = f'{default:g}' if isinstance(default, float) else default
    group.add_argument(
        option,
        dest=spec.name,
        type=_radians_of(spec) if in_degrees else _value_of(spec),
        choices=spec.choices or None,
        metavar=None if spec.choices else _metavar(spec),
        help=f'{text} (default: {shown})' if shown != '' else text,
    )


def _metavar(spec: Parameter) -> str:
    if spec.unit == 'rad':
        return 'DEG'
    if isinstance(spec.default, str):
        return 'FILE' if spec.name.endswith('file') else 'NAME'
    return {'m': 'M', 'Hz': 'HZ', 's': 'S'}.get(
        spec.unit, 'N' if isinstance(spec.default, int) else 'X'
    )


def _value_of(spec: Parameter) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return spec.parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def _radians_of(spec: Parameter) -> Callable[[str], float]:
    """Return what reads an angle in degrees as radians."""
    if spec.name in ('camera.hfov', 'camera.training_hfov'):
        parse = field_of_view_deg
    else:
        limits_deg = map(math.degrees, spec.limits or (0.0, 0.0))
        parse = angle_deg(SHORT.get(spec.name, spec.option), *limits_deg)
    return lambda text: math.radians(parse(text))
