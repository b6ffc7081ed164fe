"""Export a network to an ONNX file and check its outputs."""

from __future__ import annotations

import inspect
import logging
import math
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from zoedepth_ros.build import LoadedNetwork
from zoedepth_ros.export.check import CheckReport, check_file
from zoedepth_ros.export.options import (
    FLOAT32_PREFIX,
    INPUT,
    MAX_DEVIATION,
    OPSET,
    chosen_heads,
    require_libraries,
)
from zoedepth_ros.files import json_text, named_write_errors
from zoedepth_ros.inference.check_images import export_images
from zoedepth_ros.inference.runtimes.agreement import reference
from zoedepth_ros.inference.runtimes.exported import to_network
from zoedepth_ros.inference.uncertainty import KEY, content_of
from zoedepth_ros.model.fixed_graph import FixedGraph

ONE_FILE_BYTES = 1_500_000_000
"""Size above which constants are stored in a second file; protobuf is limited to 2 GiB."""

_SCOPES = 'pkg.torch.onnx.name_scopes'
_HALVED = ('network.backbone', 'network.decoder')  # modules of FixedGraph
_LOUD = ('onnxscript', 'onnx_ir', 'torch.onnx')


@dataclass(frozen=True, slots=True)
class Exported:
    """The result of an export."""

    files: tuple[Path, ...]
    """The .onnx file, and the file with its constants if there is one."""

    outputs: tuple[str, ...]
    """Names of the outputs, in order."""

    metadata: Mapping[str, str]
    """Metadata of the file."""

    check: CheckReport
    """Deviations from the network."""


def export_onnx(
    loaded: LoadedNetwork,
    path: Path,
    *,
    head: str,
    height: int = 0,
    width: int = 0,
    max_deviation: float = MAX_DEVIATION,
    report: Callable[[str], None] = lambda text: None,
) -> Exported:
    """Write one head, or 'both' in one file with outputs of each, in float32.

    The network stays on the CPU and is put into eval mode.  height, width: of the network's
    images [px], 0 for the model's own.  report: called with what is done next.  Nothing is left
    at `path` unless the check passes.  Raises ValueError for a wrong choice or a missing library,
    DeviationError as check_file, and WriteError.
    """
    require_libraries()
    network, config = loaded.network, loaded.network.config
    size = (height or config.image_size[0], width or config.image_size[1])
    heads = chosen_heads(head, config.head_names)
    network.eval().requires_grad_(False)
    graph = FixedGraph(network, heads, size).eval()
    metadata = _metadata(graph, loaded)
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        named_write_errors(path, remedy='free some space, then export again'),
        tempfile.TemporaryDirectory(dir=path.parent, prefix='.onnx-') as folder,
    ):
        draft = Path(folder) / path.name  # the final name, which is stored in the file
        report('tracing the network')
        outputs = graph.run(to_network(export_images()['room'], size))
        metadata |= reference({n: x for n, x in outputs.items() if n.startswith('depth_m')})
        _write(graph, draft, metadata, report)
        check = check_file(draft, graph, max_deviation, report)
        metadata |= check.metadata()
        append_metadata(draft, check.metadata())
        parts = sorted(Path(folder).iterdir(), reverse=True)  # constants before the graph
        files = [part.replace(path.parent / part.name) for part in parts]
    return Exported(tuple(reversed(files)), graph.output_names, metadata, check)


def _metadata(graph: FixedGraph, loaded: LoadedNetwork) -> dict[str, str]:
    """Return the metadata of the file."""
    config, maps = graph.network.config, loaded.uncertainty_maps
    return {
        'model': config.name,
        'head': ','.join(graph.heads),
        'height': str(graph.size[0]),
        'width': str(graph.size[1]),
        'weights_origin': loaded.origin,
        'trained_on': loaded.weights_warning,
        'training_hfov_deg': f'{math.degrees(loaded.training_hfov_rad):g}',
        'focal_exponent': f'{loaded.focal_exponent:g}',
        'router_heads': ','.join(config.head_names) if graph.network.router is not None else '',
        'antialias': '1' if config.antialias else '0',
        'input': 'float32 (1, 3, height, width), RGB planes with values from -1 to 1 (value / 255 '
        '* 2 - 1). Resize images bilinearly to width x height: with half-pixel centres and '
        'antialiasing if antialias is 1, otherwise with align_corners=True.',
        'units': 'depth_m and uncertainty_m: metres along the optical axis; '
        'relative_depth: inverse depth without unit',
        **({KEY: json_text(content_of(maps))} if maps else {}),
    }


def append_metadata(path: Path, values: Mapping[str, str]) -> None:
    """Add metadata to a file without reading it: parts of a protobuf message are concatenated."""
    import onnx

    entries = [onnx.StringStringEntryProto(key=k, value=v) for k, v in values.items()]
    with path.open('ab') as file:
        file.write(onnx.ModelProto(metadata_props=entries).SerializeToString())


def _write(
    graph: FixedGraph,
    path: Path,
    metadata: Mapping[str, str],
    report: Callable[[str], None],
) -> None:
    """Write the graph, with its constants in a second file if they are too large."""
    import onnx

    with _quiet():
        program = _traced(graph)
    model = program.model
    model.metadata_props.update(metadata)
    model.producer_name = 'zoedepth_ros'
    for node in model.graph:
        scopes = node.metadata_props.get(_SCOPES, '')
        if not any(f"'{part}'" in scopes for part in _HALVED):
            node.name = f'{FLOAT32_PREFIX}{node.name}'
    constants = sum(
        value.const_value.nbytes
        for value in model.graph.initializers.values()
        if value.const_value is not None
    )
    report(f'writing {constants / 1e6:.0f} MB of constants')
    program.save(str(path), external_data=constants > ONE_FILE_BYTES)
    onnx.checker.check_model(str(path))


def _traced(graph: FixedGraph) -> Any:
    """Return torch's ONNXProgram.  Raises ValueError if torch is too old."""
    if 'dynamo' not in inspect.signature(torch.onnx.export).parameters:
        raise ValueError(f'the export to ONNX needs torch 2.6 or newer, got {torch.__version__}')
    program = torch.onnx.export(
        graph,
        (graph.example(),),
        dynamo=True,
        opset_version=OPSET,
        input_names=[INPUT],
        output_names=list(graph.output_names),
        verbose=False,
    )
    assert program is not None
    return program


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress warnings and log messages of the exporter within the context."""
    loggers = [logging.getLogger(name) for name in _LOUD]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
