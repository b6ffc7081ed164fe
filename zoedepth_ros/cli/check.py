"""`zoedepth check FILE`: check another network against its contract."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from zoedepth_ros.cli.arguments import DEVICE
from zoedepth_ros.cli.exit_codes import DONE, FAILED
from zoedepth_ros.cli.reporting import image_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from zoedepth_ros.inference.contract import Contract

HELP = (
    'test a network from outside this package (.onnx, .engine) and the description of '
    'its inputs and outputs, on rendered images'
)

DEFAULT_OUT = 'out/check.png'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add(
        'file',
        metavar='FILE',
        help='.onnx, .engine or .plan file with a contract (description of its inputs and '
        'outputs).',
    )
    add(
        '--backend',
        choices=('onnxruntime', 'openvino', 'tensorrt'),
        help='Library that runs the network (default: the suffix of FILE decides).',
    )
    add('--device', default='auto', help=DEVICE)
    add(
        '--out',
        metavar='FILE',
        default=DEFAULT_OUT,
        help='Image file that shows the depth in colours (default: %(default)s).',
    )
    add(
        '--strict',
        action='store_true',
        help='Exit with code 1 also if a result is DOUBT, not only if one is BROKEN.',
    )


def run(args: argparse.Namespace) -> int:
    """Print the contract and the findings, and draw the depth; 1 if the contract is broken."""
    from zoedepth_ros.inference.contract import ContractError
    from zoedepth_ros.inference.result import ContextLost, InferenceError
    from zoedepth_ros.inference.runtimes.contract_check import BROKEN, DOUBT, examine
    from zoedepth_ros.inference.runtimes.exported import TORCH, backend_of, open_foreign

    out = image_file('--out', args.out)
    backend = args.backend or backend_of(args.file)
    if backend == TORCH:
        raise ValueError(
            f'{args.file}: expected a .onnx, .engine or .plan file, or the option --backend'
        )
    predictor = open_foreign(args.file, backend, device=args.device)
    _print_contract(predictor.contract)
    print(f'runtime  {backend} on {predictor.device}, {predictor.precision}')
    try:
        examined = examine(predictor)
    except ContextLost:  # says nothing about the contract
        raise
    except (ContractError, InferenceError) as error:
        print(f'{BROKEN:<8} {error}')
        return FAILED
    for finding in examined.findings:
        print(f'{finding.level:<8} {finding.text}')
    _draw(examined.depths, out)
    print(f'-> {out}')
    failing = {BROKEN, DOUBT} if args.strict else {BROKEN}
    return FAILED if examined.levels & failing else DONE


def _print_contract(contract: Contract) -> None:
    wanted, focal = contract.input, contract.focal
    size = f'{wanted.height} x {wanted.width}'
    if not wanted.height:
        sides = {'longest': wanted.longest, 'shortest': wanted.shortest}
        side = ''.join(f', {name} side {px}' for name, px in sides.items() if px)
        size = f'as the image, multiples of {wanted.multiple}{side}'
    print(f'network  {contract.name}, licence {contract.license}')
    print(f'head     {contract.domain}, {contract.range_m[0]:g} to {contract.range_m[1]:g} m')
    print(f'input    {wanted.layout}, {wanted.color}, {size}, {wanted.resize}')
    black, white = wanted.range
    print(
        f'         black {black:g}, white {white:g}, then mean {list(wanted.mean)}, '
        f'std {list(wanted.std)}'
    )
    along = 'along the ray' if contract.along_ray else 'along z'
    rule = 'metres' if focal is None else (
        f'metres = output x f / {focal.canonical_px:g}, f: focal length ({focal.axis}) in pixels '
        f'of the {focal.pixels}'
    )  # fmt: skip
    print(f'depth    {contract.depth}: {along}, {rule}')
    for name, part in (('sky', contract.sky), ('valid', contract.confidence)):
        if part is not None:
            print(f'{name:<8} {part.output} {"above" if part.above else "below"} {part.limit:g}')
    if contract.spread:
        print(f'spread   {contract.spread}')


def _draw(depths: Mapping[str, NDArray[np.float32]], out: Path) -> None:
    """Write each image with its depth beside it."""
    import numpy as np

    from zoedepth_ros.inference.check_images import check_image
    from zoedepth_ros.media.files import write_image
    from zoedepth_ros.media.panel import draw_depth_with_scale, padded

    rows = [
        np.hstack([check_image(name).rgb[..., ::-1], draw_depth_with_scale(depth_m)])
        for name, depth_m in depths.items()
    ]
    width = max(row.shape[1] for row in rows)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_image(out, np.vstack([padded(row, width) for row in rows]))
