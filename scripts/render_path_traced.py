"""Render training images of crates, tables, shelves and rooms with exact depth.

    .venv/bin/python scripts/render_path_traced.py out/path_traced --images 2000 --processes 2

`zoedepth train` and `zoedepth evaluate` read the folder with `dataset: folder`. An interrupted run
continues. Mitsuba is two to three times faster with LLVM 16 or newer; DRJIT_LIBLLVM_PATH names its
library where it is not installed.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from zoedepth_ros.terminal import print_anything

OUT = Path(__file__).resolve().parent.parent / 'out'
REPORT_EVERY = 20


def main(arguments: list[str]) -> int:
    print_anything()
    args = parse(arguments)
    try:
        return render(args)
    except KeyboardInterrupt:
        print('interrupted: the same command continues', file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        print(f"{error}: pip install 'zoedepth_ros[train]' installs it", file=sys.stderr)
    except (ValueError, OSError, RuntimeError) as error:
        print(f'error: {error}', file=sys.stderr)
    return 2


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('out', type=Path, help='folder of the images; rgb/, depth/ and camera/ are made in it')
    add('--images', type=int, required=True, help='number of images, counting those in the folder')
    add('--split', default='train', help='train, or val for images of assets kept for validation')
    add('--processes', type=int, default=1)
    add('--samples', type=int, default=4, help='light paths per pixel, before the denoiser (4)')
    add('--models', type=Path, default=OUT / 'textures', help='folder of .sh3f files')
    add('--hdris', type=Path, default=OUT / 'hdri', help='folder of .exr or .exr.js files')
    return parser.parse_args(arguments)


def render(args: argparse.Namespace) -> int:
    from zoedepth_ros.path_traced import renderer
    from zoedepth_ros.path_traced.models import catalogue
    from zoedepth_ros.path_traced.render_set import RenderSettings, missing_images, render_set

    settings = RenderSettings(args.out, args.models, args.hdris, args.split, args.samples)
    catalogue(settings.models)  # fails early
    count = len(missing_images(settings.out, args.images))
    print(f'{args.images - count} of {args.images} images exist', flush=True)
    if count and not renderer.has_llvm():
        print(
            'No LLVM 16 or newer: rendering takes two to three times as long. Install one (on '
            'Debian or Ubuntu: apt install libllvm19), or set DRJIT_LIBLLVM_PATH to its library.',
            flush=True,
        )
    started = time.monotonic()
    for done, _ in enumerate(render_set(settings, args.images, args.processes), 1):
        if done % REPORT_EVERY == 0 or done == count:
            rate = 60 * done / (time.monotonic() - started)
            print(f'{done} of {count} images, {rate:.1f} a minute', flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
