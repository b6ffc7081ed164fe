"""`zoedepth export onnx|tensorrt`: write the network as a file for other runtimes."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from zoedepth_ros.cli.arguments import add_weights_options, image_side_px, positive, refuse_idle
from zoedepth_ros.cli.exit_codes import DONE, FAILED
from zoedepth_ros.cli.reporting import warn_of_weights
from zoedepth_ros.export.options import (
    BOTH,
    ENGINE_PRECISIONS,
    MAX_DEVIATION,
    chosen_heads,
    require_libraries,
)
from zoedepth_ros.files import check_writable
from zoedepth_ros.weights.known_weights import DEFAULT_MODEL

HELP = 'write the network as an ONNX file, or build a TensorRT engine from such a file'

ONNX, TENSORRT = 'onnx', 'tensorrt'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add(
        'format',
        choices=(ONNX, TENSORRT),
        help='Format of the new file. A TensorRT engine runs only on GPUs of the same type.',
    )
    add('--out', metavar='FILE', required=True, help='New file.')
    add('--from', metavar='FILE', help='For tensorrt: .onnx file that the engine is built from.')
    add(
        '--precision',
        choices=ENGINE_PRECISIONS,
        help='For tensorrt: floating-point type of backbone and decoder (default: '
        f'{ENGINE_PRECISIONS[0]}).',
    )
    add_weights_options(parser, only_given=True)
    add(
        '--head',
        choices=('indoor', 'outdoor', 'both'),
        help='Head in the file; both writes the outputs of both heads to one file (default: all '
        'heads of the model).',
    )
    for side in ('height', 'width'):
        add(
            f'--{side}',
            type=image_side_px,
            metavar='PX',
            help=f"{side.capitalize()} of the network's input [px] (default: the model's own "
            f'{side}).',
        )
    add(
        '--max-deviation',
        type=positive,
        metavar='X',
        help='For onnx: largest allowed difference between an output of the new file and of '
        'torch, relative to the mean of the output; 1 of 1000 pixels may differ more. With a '
        f'larger difference no file is written (default: {MAX_DEVIATION}).',
    )


def run(args: argparse.Namespace) -> int:
    """Export and print the new files; returns 1 if the check fails."""
    from zoedepth_ros.export.check import DeviationError

    out = Path(args.out).expanduser()
    check_writable(out)
    if args.format == ONNX:
        refuse_idle(args, ['from', 'precision'], f'has an effect on the format {TENSORRT} only')
    else:
        names = ('model', 'weights', 'head', 'height', 'width', 'max_deviation')
        refuse_idle(
            args,
            names,
            f'has an effect on the format {ONNX} only: an engine has the properties of its .onnx '
            'file',
        )
    export = _export_onnx if args.format == ONNX else _build_engine
    try:
        export(args, out)
    except DeviationError as error:
        print(f'zoedepth: error: {error}; nothing is written to {out}', file=sys.stderr)
        return FAILED
    return DONE


def _build_engine(args: argparse.Namespace, out: Path) -> None:
    from zoedepth_ros.export.tensorrt import build_engine

    source = getattr(args, 'from')
    if not source:
        raise ValueError(
            'the format tensorrt needs the .onnx file that the engine is built from: give '
            '--from FILE'
        )
    precision = args.precision or ENGINE_PRECISIONS[0]
    _report_steps()(f'building an engine from {source}, which takes minutes')
    built = build_engine(Path(source).expanduser(), out, precision)
    about = built.metadata
    if 'model' in about:
        print(f'model    {about["model"]}, head {about["head"]}, {about["precision"]}')
    warn_of_weights(about.get('trained_on', ''))
    print(f'check    TensorRT {about["tensorrt"]} against ONNX Runtime')
    for line in built.check.lines():
        print(f'         {line}')
    if built.release_warning:
        print(f'WARNING  {built.release_warning}')
    print(f'-> {out} ({out.stat().st_size / 1e6:.1f} MB) and {out.name}.json in the same folder')


def _export_onnx(args: argparse.Namespace, path: Path) -> None:
    from zoedepth_ros.build import build_network
    from zoedepth_ros.export.onnx import export_onnx
    from zoedepth_ros.model.presets import preset

    require_libraries()
    if path.suffix != '.onnx':
        raise ValueError(f'--out must end in .onnx, got {args.out}')
    config = preset(args.model or DEFAULT_MODEL)
    heads = config.head_names
    head = args.head or (BOTH if len(heads) > 1 else heads[0])
    chosen_heads(head, heads)
    config.check_size(args.height or config.image_size[0], args.width or config.image_size[1])
    report = _report_steps()
    report(f'loading {config.name}')
    loaded = build_network(config, args.weights or '')
    exported = export_onnx(
        loaded,
        path,
        head=head,
        height=args.height or 0,
        width=args.width or 0,
        max_deviation=args.max_deviation or MAX_DEVIATION,
        report=report,
    )
    about = exported.metadata
    print(f'model    {about["model"]}, head {about["head"]}')
    print(f'weights  {about["weights_origin"]}')
    warn_of_weights(about['trained_on'])
    print(f'input    image: 1 x 3 x {about["height"]} x {about["width"]}, float32, RGB, -1 to 1')
    print(f'outputs  {", ".join(exported.outputs)}')
    check = exported.check
    print(
        f'check    ONNX Runtime against torch, {len(check.agreements)} images: largest deviation '
        f'of a pixel {check.worst:.1e} of the mean of the output'
    )
    for line in check.lines():
        print(f'         {line}')
    for file in exported.files:
        print(f'-> {file} ({file.stat().st_size / 1e6:.1f} MB)')


def _report_steps() -> Callable[[str], None]:
    """Return a function that prints the next step and the elapsed time to stderr."""
    start_s = time.monotonic()

    def report(step: str) -> None:
        print(f'{time.monotonic() - start_s:4.0f} s  {step}', file=sys.stderr, flush=True)

    return report
