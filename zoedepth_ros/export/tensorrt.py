"""Build a TensorRT engine from an exported ONNX file, on the machine that will run it.

Written from TensorRT's documentation and tested with a fake; not run on a Jetson yet.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoedepth_ros.export.check import CheckReport, compare
from zoedepth_ros.export.options import ENGINE_PRECISIONS, FLOAT32_PREFIX
from zoedepth_ros.files import json_text, write_file
from zoedepth_ros.inference.check_images import export_images
from zoedepth_ros.inference.contract import KEY, contract_text, read_contract
from zoedepth_ros.inference.result import AUTO
from zoedepth_ros.inference.runtimes import onnx_runtime, tensorrt_runtime
from zoedepth_ros.inference.runtimes.agreement import reference
from zoedepth_ros.inference.runtimes.exported import to_network
from zoedepth_ros.inference.runtimes.foreign import ForeignPredictor
from zoedepth_ros.inference.runtimes.session import Maps, sidecar_file
from zoedepth_ros.inference.runtimes.tensorrt_runtime import release_warning

_WORKSPACE_BYTES = 2**31


@dataclass(frozen=True, slots=True)
class BuiltEngine:
    """The result of a build."""

    metadata: Mapping[str, str]
    """Metadata in the JSON file."""
    check: CheckReport
    """Agreement with the ONNX file."""
    release_warning: str
    """Why this release of TensorRT is doubtful; '' if it is not."""


def build_engine(onnx_file: Path, out: Path, precision: str = 'fp16') -> BuiltEngine:
    """Write an engine and its metadata as JSON next to it, unless it deviates from its source.

    precision: with 'fp16', backbone and decoder use float16; the other parts stay in float32,
    because relative depth overflows.  Raises ValueError without TensorRT or for a bad file, and
    DeviationError for an engine whose outputs are not those of ONNX Runtime.
    """
    if precision not in ENGINE_PRECISIONS:
        raise ValueError(
            f'unknown precision {precision!r}: expected {" or ".join(ENGINE_PRECISIONS)}'
        )
    if not onnx_file.is_file():
        raise ValueError(
            f'{onnx_file}: no such file, expected the .onnx file that the engine is built from'
        )
    try:
        import tensorrt
    except ImportError as error:
        raise ValueError(
            f'building an engine needs TensorRT and its Python module (docs/jetson.md): {error}'
        ) from error
    library: Any = tensorrt
    logger = library.Logger(library.Logger.ERROR)
    builder = library.Builder(logger)
    network = builder.create_network(0)
    parser = library.OnnxParser(network, logger)
    if not parser.parse_from_file(str(onnx_file)):
        reasons = '; '.join(str(parser.get_error(i)) for i in range(parser.num_errors))
        raise ValueError(f'TensorRT cannot read {onnx_file}: {reasons}')
    config = builder.create_builder_config()
    config.set_memory_pool_limit(library.MemoryPoolType.WORKSPACE, _WORKSPACE_BYTES)
    if precision == 'fp16':
        config.set_flag(library.BuilderFlag.FP16)
        config.set_flag(library.BuilderFlag.OBEY_PRECISION_CONSTRAINTS)
        _keep_float32(network, library)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise ValueError(f'TensorRT {library.__version__} could not build an engine')
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix='.engine-') as folder:
        draft = Path(folder) / out.name
        write_file(draft, bytes(engine))
        about = {**_metadata(onnx_file), 'precision': precision, 'tensorrt': library.__version__}
        write_file(sidecar_file(draft), json_text(about))
        check, depth = _compared(draft, onnx_file)
        about |= {**check.metadata(), **reference(depth)}
        write_file(sidecar_file(draft), json_text(about))
        for part in (draft, sidecar_file(draft)):
            part.replace(out.parent / part.name)
    return BuiltEngine(about, check, release_warning(library.__version__))


def _compared(engine: Path, onnx_file: Path) -> tuple[CheckReport, Maps]:
    """Compare an engine with its ONNX file; return also the depth of the first image."""
    session = tensorrt_runtime.open_session(engine, AUTO)
    source = onnx_runtime.open_session(onnx_file, 'cpu')
    contract = read_contract(onnx_file, source.metadata)
    if contract is None:
        size = (int(source.metadata['height']), int(source.metadata['width']))
        images = {name: to_network(rgb, size) for name, rgb in export_images().items()}
        depth = [name for name in source.outputs if name.startswith('depth_m')]
    else:
        foreign = ForeignPredictor(source, contract, str(onnx_file))
        images = {name: foreign.to_network(rgb) for name, rgb in export_images().items()}
        depth = [contract.depth]
    check = compare(session, source.run, images, ('TensorRT', 'ONNX Runtime'))
    outputs = source.run(images['room'])
    return check, {name: outputs[name] for name in depth}


def _keep_float32(network: Any, library: Any) -> None:
    """Keep the layers that the export has marked in float32, except integers and constants."""
    marked = [network.get_layer(i) for i in range(network.num_layers)]
    for layer in (x for x in marked if FLOAT32_PREFIX in x.name):
        floats = [
            i
            for i in range(layer.num_outputs)
            if layer.get_output(i).dtype in (library.float32, library.float16)
        ]
        if layer.type == library.LayerType.CONSTANT or not floats:
            continue
        layer.precision = library.float32
        for index in floats:
            layer.set_output_type(index, library.float32)


def _metadata(path: Path) -> dict[str, str]:
    """Return the metadata of the ONNX file, and the contract beside it."""
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    found = {entry.key: entry.value for entry in model.metadata_props}
    text = contract_text(path, found)
    return {**found, KEY: text} if text else found
