"""Build a TensorRT engine from an exported ONNX file, on the machine that will run it.

Written from TensorRT's documentation and tested with a fake; not run on a Jetson yet.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from zoedepth_ros.export.options import ENGINE_PRECISIONS, FLOAT32_PREFIX
from zoedepth_ros.files import write_file

_WORKSPACE_BYTES = 2**31


def build_engine(onnx_file: Path, out: Path, precision: str = 'fp16') -> dict[str, str]:
    """Write an engine and its metadata as JSON next to it; return the metadata.

    precision: with 'fp16', backbone and decoder use float16; the other parts stay in float32,
    because relative depth overflows.  Raises ValueError without TensorRT or for a bad file.
    """
    if precision not in ENGINE_PRECISIONS:
        raise ValueError(f'unknown precision {precision!r}: expected one of {ENGINE_PRECISIONS}')
    if not onnx_file.is_file():
        raise ValueError(f'there is no file {onnx_file}')
    try:
        import tensorrt
    except ImportError as error:
        raise ValueError(
            f'an engine needs TensorRT and its Python module (docs/jetson.md): {error}'
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
    write_file(out, bytes(engine), make_folder=True)
    about = {**_metadata(onnx_file), 'precision': precision, 'tensorrt': library.__version__}
    write_file(out.with_name(f'{out.name}.json'), json.dumps(about, indent=2) + '\n')
    return about


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
    """Return the metadata of the ONNX file."""
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    return {entry.key: entry.value for entry in model.metadata_props}
