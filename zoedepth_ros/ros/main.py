"""The executable: the node with the real predictor."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

from zoedepth_ros.environment import thread_environment
from zoedepth_ros.inference.fallback import PredictorSettings
from zoedepth_ros.inference.result import AUTO, DepthPredictor
from zoedepth_ros.inference.runtimes.exported import TORCH, backend_of, open_exported
from zoedepth_ros.ros.depth_node import DepthNode, StartError
from zoedepth_ros.ros.spin import end, run_node


def make_predictor(settings: PredictorSettings) -> DepthPredictor:
    """Build the real predictor; torch is imported here, so that `--help` and errors are fast."""
    os.environ.update(thread_environment(os.environ))  # for a start without a launch file
    backend = backend_of(settings.weights, settings.backend)
    if backend != TORCH:
        return _exported_predictor(replace(settings, backend=backend))
    from zoedepth_ros.build import build_predictor

    return build_predictor(
        settings.model,
        settings.weights or None,
        device=settings.device,
        precision=settings.precision,
        preprocessing='official' if settings.pad_input else 'metric',
        flip_augmentation=settings.flip_augmentation,
        optimization=settings.optimization,
        network_height=settings.network_height,
        network_width=settings.network_width,
        may_measure=settings.may_measure,
    )


def _exported_predictor(settings: PredictorSettings) -> DepthPredictor:
    """Open an exported file, without torch; ValueError for options that it does not support."""
    for name, plain in (
        ('flip_augmentation', False),
        ('pad_input', False),
        ('optimization', AUTO),
    ):
        if getattr(settings, name) != plain:
            raise ValueError(
                f'{name} must be {str(plain).lower()} with backend {settings.backend}: other '
                f'values need backend {TORCH}'
            )
    return open_exported(
        settings.weights,
        settings.backend,
        model=settings.model,
        device=settings.device,
        precision=settings.precision,
        network_height=settings.network_height,
        network_width=settings.network_width,
    )


def main(args: list[str] | None = None) -> NoReturn:
    """Run the node until it is stopped; the exit code is 1 if it could not start."""
    # Loggers of ROS do not show what Python's report, such as the execution mode.
    logging.basicConfig(format='[%(levelname)s] [%(name)s]: %(message)s')
    logging.getLogger('zoedepth_ros').setLevel(logging.INFO)
    end(run(make_predictor, args))


def run(
    predictor_factory: Callable[[PredictorSettings], DepthPredictor],
    args: list[str] | None = None,
) -> int:
    """Spin the node with some predictor, and return the exit code for `end`."""
    return run_node(
        lambda: DepthNode(predictor_factory),
        name='zoedepth',
        errors=(ValueError, StartError),
        args=args,
        leave_at_any_time=True,
    )


if __name__ == '__main__':
    main()
