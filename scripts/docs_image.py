"""Render docs/images/demo.png: image, depth and cloud of an indoor and an outdoor scene.

Two rendered scenes that were not used for training, the depth of a model and the ground truth;
with `--truth` the ground truth alone. The titles name the model; with random weights every row
carries their warning.

    python scripts/docs_image.py --model ZoeD_S_NK
    python scripts/docs_image.py --truth
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.evaluation.synthetic_scenes import HELD_OUT_SEED
from zoedepth_ros.geometry.filters import flying_pixels
from zoedepth_ros.geometry.intrinsics import CameraModel
from zoedepth_ros.geometry.points import depth_to_points
from zoedepth_ros.geometry.rays import rays
from zoedepth_ros.inference.result import DepthPredictor
from zoedepth_ros.media.color import BACKGROUND, INK, depth_range, put_text
from zoedepth_ros.media.panel import draw_depth_with_scale, draw_panel, padded
from zoedepth_ros.media.sample import Sample
from zoedepth_ros.pipeline.outputs import DEPTH
from zoedepth_ros.pipeline.sequence import SequencePredictor
from zoedepth_ros.pipeline.settings import PipelineSettings
from zoedepth_ros.synthetic.scene import render_scene
from zoedepth_ros.terminal import print_anything

ROOT = Path(__file__).resolve().parent.parent
ROW_HEIGHT_PX = 300
TEXT_PX = ROW_HEIGHT_PX / 34  # as draw_panel's


def main(arguments: list[str] | None = None) -> int:
    args = parse(arguments)
    scenes = [
        render_scene(domain, HELD_OUT_SEED + seed, args.height, args.height * 4 // 3)
        for domain, seed in (('indoor', args.indoor_seed), ('outdoor', args.outdoor_seed))
    ]
    notes = ['rendered scenes that were not used for training']
    if args.truth:
        rows = [truth_row(scene) for scene in scenes]
    else:
        from zoedepth_ros.build import build_predictor

        predictor = build_predictor(args.model, args.weights, args.device)
        rows = [predicted_row(scene, predictor) for scene in scenes]
        if predictor.weights_warning:
            notes.append(f'{predictor.model_name}: {predictor.weights_warning}')
    args.out.parent.mkdir(parents=True, exist_ok=True)
    drawn = stack(rows, '; '.join(notes))
    if not cv2.imwrite(str(args.out), drawn, [cv2.IMWRITE_PNG_COMPRESSION, 9]):
        raise OSError(f'cannot write {args.out}')
    print(args.out)
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else '')
    parser.add_argument('--truth', action='store_true', help='show only ground truth')
    parser.add_argument(
        '--model', default='ZoeD_S_NK', help='name of the model (`zoedepth models`)'
    )
    parser.add_argument('--weights', help="weights file, or 'random'")
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda')
    parser.add_argument('--indoor-seed', type=int, default=2, help='seed of the room')
    parser.add_argument('--outdoor-seed', type=int, default=8, help='seed of the street')
    parser.add_argument('--height', type=int, default=480, help='height of a scene [px]')
    parser.add_argument('--out', type=Path, default=ROOT / 'docs' / 'images' / 'demo.png')
    return parser.parse_args(arguments)


def truth_row(scene: Sample) -> NDArray[np.uint8]:
    titles = (f'rendered scene, {scene.domain}', 'ground truth [m]', 'points, side [m]')
    return draw(scene, scene.depth_m, titles)


def predicted_row(scene: Sample, predictor: DepthPredictor) -> NDArray[np.uint8]:
    """Draw the network's depth with the colour scale of the ground truth, and that beside it."""
    assert scene.camera is not None
    predict = SequencePredictor(predictor, PipelineSettings())
    made = predict(scene.rgb, CameraModel(scene.camera), 0.0, {DEPTH})
    assert made.depth_m is not None
    both = np.isfinite(scene.depth_m) & np.isfinite(made.depth_m)
    relative = np.abs(made.depth_m - scene.depth_m)[both] / scene.depth_m[both]
    titles = (
        f'{made.head} head, mean error {relative.mean():.0%}',
        f'{predictor.model_name} [m]',
        'points, side [m]',
    )
    warning = predictor.weights_warning if predictor.weights_origin == 'random' else ''
    panel = draw(scene, made.depth_m, titles, warning)
    return np.hstack([panel, truth_column(scene.depth_m, panel.shape[0])])


def draw(
    scene: Sample, depth_m: NDArray[np.float32], titles: tuple[str, str, str], warning: str = ''
) -> NDArray[np.uint8]:
    """Draw image, depth (H, W) [m] and points of a scene, with text across them."""
    assert scene.camera is not None
    known_m = np.where(flying_pixels(depth_m), np.float32(np.nan), depth_m)
    points = depth_to_points(known_m, rays(CameraModel(scene.camera)))
    near_m, far_m = depth_range(scene.depth_m)
    points[points[..., 2] > far_m] = np.nan
    return draw_panel(
        scene.rgb,
        depth_m,
        points,
        scene.rgb,
        titles=titles,
        warning=warning,
        near_m=near_m,
        far_m=far_m,
        view_height=ROW_HEIGHT_PX,
    )


def truth_column(depth_m: NDArray[np.float32], height: int) -> NDArray[np.uint8]:
    """Draw the ground truth below a title like the panel's, in a column of that height."""
    near_m, far_m = depth_range(depth_m)
    factor = ROW_HEIGHT_PX / depth_m.shape[0]
    small = cv2.resize(depth_m, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
    drawn = draw_depth_with_scale(small, near_m=near_m, far_m=far_m)
    top = round(TEXT_PX * 2.4)
    bottom = height - top - drawn.shape[0]
    column = cv2.copyMakeBorder(drawn, top, bottom, 0, 0, cv2.BORDER_CONSTANT, value=BACKGROUND)
    put_text(column, 'ground truth [m]', (0, top - round(TEXT_PX * 0.7)), TEXT_PX, INK)
    return column


def stack(panels: list[NDArray[np.uint8]], note: str) -> NDArray[np.uint8]:
    """Stack the rows, with a line of text below them."""
    width = max(panel.shape[1] for panel in panels)
    line = np.full((round(TEXT_PX * 2.4), width, 3), BACKGROUND, np.uint8)
    put_text(line, note, (round(TEXT_PX * 1.4), round(TEXT_PX * 1.4)), TEXT_PX, INK)
    return np.vstack([*(padded(panel, width) for panel in panels), line])


if __name__ == '__main__':
    print_anything()
    sys.exit(main())
