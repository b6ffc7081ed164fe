"""`zoedepth export onnx|tensorrt`: the network as a file for other runtimes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from zoedepth_ros.export.defaults import ENGINE_PRECISIONS, MAX_DEVIATION, OPSET

if TYPE_CHECKING:
    from zoedepth_ros.export.onnx import Exported

NAME = 'export'
HELP = 'write the network as an ONNX file, for C++ and other runtimes; or such a file as an engine'

DEFAULT_MODEL = 'ZoeD_M12_NK'
ONNX, TENSORRT = 'onnx', 'tensorrt'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add('format', choices=(ONNX, TENSORRT), help='of the new file; tensorrt: on its own machine')
    add('--out', metavar='FILE', required=True, help='the new file')
    add('--from', dest='source', metavar='FILE', help='tensorrt: the .onnx file to build from')
    add(
        '--precision',
        choices=ENGINE_PRECISIONS,
        default=ENGINE_PRECISIONS[0],
        help='tensorrt: of backbone and decoder (%(default)s)',
    )
    add('--model', default=DEFAULT_MODEL, help='a name of `zoedepth models` (%(default)s)')
    add('--weights', metavar='FILE', help="the model's weights, or 'random' (default: released)")
    add(
        '--head',
        choices=('indoor', 'outdoor', 'both'),
        help='both: one file with outputs of each (default: all that the model has)',
    )
    add('--height', type=int, default=0, metavar='PX', help="of the input (the model's own)")
    add('--width', type=int, default=0, metavar='PX', help="of the input (the model's own)")
    add('--opset', type=int, default=OPSET, metavar='N', help='version of ONNX (%(default)s)')
    add(
        '--max-deviation',
        type=float,
        default=MAX_DEVIATION,
        metavar='X',
        help='largest difference of a pixel from torch, over the mean of its map (%(default)s)',
    )


def run(args: argparse.Namespace) -> int:
    """Export and say what has been written; 1 when a check fails."""
    return _build_engine(args) if args.format == TENSORRT else _export_onnx(args)


def _build_engine(args: argparse.Namespace) -> int:
    from zoedepth_ros.export.tensorrt import build_engine

    if not args.source:
        raise ValueError('an engine is built from an .onnx file: --from FILE')
    out = Path(args.out).expanduser()
    about = build_engine(Path(args.source).expanduser(), out, args.precision)
    print(f'model    {about["model"]}, head {about["head"]}, {about["precision"]}')
    if about['trained_on']:
        print(f'WARNING  {about["trained_on"].upper()}')
    print(f'-> {out} ({out.stat().st_size / 1e6:.1f} MB) and {out.name}.json beside it')
    return 0


def _export_onnx(args: argparse.Namespace) -> int:
    from zoedepth_ros.build import build_network
    from zoedepth_ros.export.check import DeviationError
    from zoedepth_ros.export.graph import BOTH, chosen_heads
    from zoedepth_ros.export.libraries import require_libraries
    from zoedepth_ros.export.onnx import export_onnx
    from zoedepth_ros.model.presets import preset

    require_libraries()
    path = Path(args.out).expanduser()
    if path.suffix != '.onnx':
        raise ValueError(f'--out must end in .onnx, got {args.out}')
    config = preset(args.model)
    heads = config.head_names
    head = args.head or (BOTH if len(heads) > 1 else heads[0])
    chosen_heads(head, heads)
    config.check_size(args.height or config.image_size[0], args.width or config.image_size[1])
    loaded = build_network(config, args.weights or '')
    try:
        exported = export_onnx(
            loaded.network,
            path,
            head=head,
            height=args.height,
            width=args.width,
            weights_origin=loaded.origin,
            trained_on=loaded.trained_on,
            training_hfov_rad=loaded.training_hfov_rad,
            opset=args.opset,
            max_deviation=args.max_deviation,
        )
    except DeviationError as error:
        print(f'zoedepth: error: {error}; nothing written to {path}', file=sys.stderr)
        return 1
    _tell(exported)
    return 0


def _tell(exported: Exported) -> None:
    about = exported.metadata
    print(f'model    {about["model"]}, head {about["head"]}')
    print(f'weights  {about["weights_origin"]}')
    if about['trained_on']:
        print(f'WARNING  {about["trained_on"].upper()}')
    print(f'input    image: 1 x 3 x {about["height"]} x {about["width"]}, float32, RGB, -1 to 1')
    print(f'outputs  {", ".join(exported.outputs)}')
    check = exported.check
    print(f'check    ONNX Runtime against torch, {check.n_pictures} pictures: {check.worst:.1e}')
    for file in exported.files:
        print(f'-> {file} ({file.stat().st_size / 1e6:.1f} MB)')
