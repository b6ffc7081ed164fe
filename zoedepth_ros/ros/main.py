"""The executable: the node with the real predictor, and an orderly end."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.logging import get_logger

from zoedepth_ros.inference.result import AUTO, BatchPredictor
from zoedepth_ros.inference.threads import thread_environment

from .depth_node import DepthNode, StartError
from .errors import describe
from .parameters import PredictorSettings

END_WITHIN_S = 1.5
TORCH = 'torch'


def make_predictor(settings: PredictorSettings) -> BatchPredictor:
    """Build the real predictor; torch is imported here, so that `--help` and refusals are fast."""
    os.environ.update(thread_environment(os.environ))  # for whoever starts without a launch file
    if settings.backend != TORCH:
        return _exported_predictor(settings)
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
    )


def _exported_predictor(settings: PredictorSettings) -> BatchPredictor:
    """Open an exported file, without torch; ValueError for what such a file cannot do."""
    from zoedepth_ros.inference.exported import open_exported

    for name, plain in (
        ('flip_augmentation', False),
        ('pad_input', False),
        ('optimization', AUTO),
    ):
        if getattr(settings, name) != plain:
            raise ValueError(f'{name} needs backend {TORCH}, not {settings.backend}')
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
    """Run the node until it is told to stop; the exit code is 1 when it could not start."""
    end(run(make_predictor, args))


def run(
    predictor_factory: Callable[[PredictorSettings], BatchPredictor],
    args: list[str] | None = None,
) -> int:
    """Spin the node with some predictor and give the exit code."""
    # rclpy's own handler shuts the context down, which ends spin. Without Python's, which raises
    # wherever the program is, the second SIGINT that a launch file passes on breaks no clean-up.
    signal.signal(signal.SIGINT, lambda number, frame: None)
    rclpy.init(args=args)
    _end_when_stuck()
    node: DepthNode | None = None
    try:
        node = DepthNode(predictor_factory)
        rclpy.spin(node)
    except ExternalShutdownException:
        return 0
    except Exception as error:
        if not rclpy.ok():  # told to stop in the middle of something, which then fails somehow
            return 0
        if not isinstance(error, (ValueError, StartError)):
            raise
        get_logger('zoedepth').fatal(describe(error) if node is None else str(error))
        return 1
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0


def end(code: int) -> NoReturn:
    """Leave at once: an inference thread inside the network cannot be joined in time."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _end_when_stuck() -> None:
    """End the process soon after SIGINT or SIGTERM, even in the middle of loading a network."""
    context = rclpy.get_default_context()

    def watch() -> None:
        while context.ok():
            time.sleep(0.1)
        time.sleep(END_WITHIN_S)
        end(0)

    threading.Thread(target=watch, name='end-when-stuck', daemon=True).start()


if __name__ == '__main__':
    main()
