"""Render docs/images/trajectory.webp: a camera leaves a house and returns, image and depth.

Depth is that of a model, with the head that the node's head policy selects, or the ground truth
(`--truth`). With random weights every frame carries their warning.

    python scripts/docs_video.py --model ZoeD_S_NK
    python scripts/docs_video.py --truth
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zoedepth_ros.evaluation.synthetic_scenes import HELD_OUT_SEED
from zoedepth_ros.geometry.intrinsics import CameraModel
from zoedepth_ros.media.color import BACKGROUND, INK, put_text
from zoedepth_ros.media.panel import draw_depth_with_scale, padded
from zoedepth_ros.pipeline.outputs import DEPTH
from zoedepth_ros.pipeline.sequence import SequencePredictor
from zoedepth_ros.pipeline.settings import PipelineSettings
from zoedepth_ros.synthetic.trajectory import CameraTrajectory
from zoedepth_ros.terminal import print_anything

ROOT = Path(__file__).resolve().parent.parent
RANGE_M = {
    'indoor': (0.3, 10.0),
    'outdoor': (1.0, 80.0),
}  # fixed, so that a colour always means the same distance
TITLE_PX, TEXT_PX = 26, 11.0
RATE_HZ = 6.0
Shown = tuple[NDArray[np.uint8], NDArray[np.float32], str, str, str]


def main(arguments: list[str] | None = None) -> int:
    args = parse(arguments)
    walk = CameraTrajectory(
        'door', args.seed, args.frames, height=args.height, width=args.height * 4 // 3
    )
    frames = [draw(*shown) for shown in (truth(walk) if args.truth else predicted(walk, args))]
    width = max(frame.shape[1] for frame in frames)  # the scale's labels differ by domain
    images = [Image.fromarray(padded(frame, width)[..., ::-1]) for frame in frames]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    images[0].save(
        args.out,
        save_all=True,
        append_images=images[1:],
        duration=round(1000.0 / RATE_HZ),
        loop=0,
        quality=args.quality,
        method=6,
    )
    print(args.out)
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else '')
    parser.add_argument('--truth', action='store_true', help='show only ground truth')
    parser.add_argument(
        '--model', default='ZoeD_S_NK', help='name of the model (`zoedepth models`)'
    )
    parser.add_argument('--weights', help="weights file, or 'random'")
    parser.add_argument(
        '--seed', type=int, default=HELD_OUT_SEED + 1, help='seed of the trajectory'
    )
    parser.add_argument('--frames', type=int, default=48)
    parser.add_argument('--height', type=int, default=240, help='height of the images [px]')
    parser.add_argument('--quality', type=int, default=55, help='quality of WebP, 0 to 100')
    parser.add_argument('--out', type=Path, default=ROOT / 'docs' / 'images' / 'trajectory.webp')
    return parser.parse_args(arguments)


def truth(walk: CameraTrajectory) -> Iterator[Shown]:
    """Give rgb, depth [m], domain, title and warning of each frame."""
    for frame in walk:
        domain = frame.sample.domain
        yield frame.sample.rgb, frame.sample.depth_m, domain, f'ground truth, {domain}', ''


def predicted(walk: CameraTrajectory, args: argparse.Namespace) -> Iterator[Shown]:
    """Give the same for a model."""
    from zoedepth_ros.build import build_predictor

    predictor = build_predictor(args.model, args.weights)
    warning = predictor.weights_warning if predictor.weights_origin == 'random' else ''
    predict = SequencePredictor(predictor, PipelineSettings())
    for frame in walk:
        assert frame.sample.camera is not None
        camera = CameraModel(frame.sample.camera)
        made = predict(frame.sample.rgb, camera, frame.time_s, {DEPTH})
        assert made.depth_m is not None
        title = f'{predictor.model_name}, {made.head} head'
        yield frame.sample.rgb, made.depth_m, made.head, title, warning


def draw(
    rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], domain: str, title: str, warning: str
) -> NDArray[np.uint8]:
    near_m, far_m = RANGE_M[domain]
    depth = draw_depth_with_scale(depth_m, near_m=near_m, far_m=far_m, warning=warning)
    both = np.hstack([rgb[..., ::-1], depth])
    framed = cv2.copyMakeBorder(both, TITLE_PX, 0, 0, 0, cv2.BORDER_CONSTANT, value=BACKGROUND)
    put_text(framed, 'rendered image', (6, TITLE_PX - 9), TEXT_PX, INK)
    put_text(framed, title, (rgb.shape[1] + 6, TITLE_PX - 9), TEXT_PX, INK)
    return framed


if __name__ == '__main__':
    print_anything()
    sys.exit(main())
