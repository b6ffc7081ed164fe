"""The file from which other runtimes take the network."""

from __future__ import annotations

from pathlib import Path

import torch

from zoedepth_ros.benchmark.sides import pictures
from zoedepth_ros.build import build_network
from zoedepth_ros.export.graph import BOTH
from zoedepth_ros.export.onnx import export_onnx
from zoedepth_ros.inference.preprocess import normalise, to_tensor
from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.zoedepth import ZoeDepth


def export(model: str, weights: str, path: Path) -> str:
    """Write the file for the model's own size, held against torch; return its head.

    Raises ValueError as export_onnx, for libraries that are missing too.
    """
    loaded = build_network(preset(model), weights)
    head = chosen_head(loaded.network.eval())
    export_onnx(
        loaded.network,
        path,
        head=head,
        weights_origin=loaded.origin,
        trained_on=loaded.trained_on,
        training_hfov_rad=loaded.training_hfov_rad,
        focal_exponent=loaded.focal_exponent,
    )
    return head


@torch.inference_mode()
def chosen_head(network: ZoeDepth) -> str:
    """Return the head that our side takes for the benchmark's pictures; 'both' for several."""
    names = network.config.head_names
    if network.router is None:
        return names[0]
    chosen = set()
    for rgb in pictures(network.config.image_size):
        features = network.encode(normalise(to_tensor(rgb, torch.device('cpu'))))
        chosen.add(names[int(network.route(features).argmax())])
    return chosen.pop() if len(chosen) == 1 else BOTH
