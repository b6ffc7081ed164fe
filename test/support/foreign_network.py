"""Small networks of others as ONNX files: every output is a weighted sum of the channels."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper

CONTRACT = {
    'depth_contract': 1,
    'name': 'toy',
    'license': 'MIT',
    'input': {
        'layout': 'NCHW',
        'color': 'RGB',
        'range': [0, 1],
        'mean': [0.0, 0.0, 0.0],
        'std': [1.0, 1.0, 1.0],
        'height': 24,
        'width': 32,
        'resize': 'stretch',
    },
    'depth': {'output': 'depth', 'kind': 'metric', 'along': 'z'},
    'head': {'domain': 'any', 'range': [0.1, 80]},
}
DEPTH = {'depth': ((1.0, 2.0, 4.0), 1.0)}
"""Output -> the weight of each channel, in the order of the input, and a constant (number, or an
array that is added to the output)."""


def contract(**changes):
    """Return a contract with values changed by dotted name (as a__b); None removes one."""
    made = copy.deepcopy(CONTRACT)
    for name, value in changes.items():
        *path, last = name.split('__')
        place = made
        for part in path:
            place = place.setdefault(part, {})
        if value is None:
            place.pop(last)
        else:
            place[last] = value
    return made


def write_network(
    path: Path,
    made: dict | None = None,
    outputs=DEPTH,
    *,
    size=None,
    beside: bool = False,
    kind: int = TensorProto.FLOAT,
    output_kind: int = TensorProto.FLOAT,
    more_inputs: tuple[str, ...] = (),
) -> Path:
    """Write a network whose input has the contract's layout and size.

    made: the contract, in the metadata or in a YAML file beside.  size: rows and columns of the
    input, None for those of the contract; -1 follows the image.
    """
    settings = (made or CONTRACT)['input']
    rows, columns = size or (settings.get('height', -1), settings.get('width', -1))
    sides = [f's{i}' if side == -1 else side for i, side in enumerate((rows, columns))]
    channels_first = settings['layout'] == 'NCHW'
    shape = [1, 3, *sides] if channels_first else [1, *sides, 3]
    axis = 1 if channels_first else 3
    nodes = [helper.make_node('Cast', ['image'], ['x'], to=TensorProto.FLOAT)]
    constants = [helper.make_tensor('axes', TensorProto.INT64, [1], [axis])]
    for name, (weights, constant) in outputs.items():
        form = [1, 3, 1, 1] if channels_first else [1, 1, 1, 3]
        constants += [
            helper.make_tensor(f'{name}_w', TensorProto.FLOAT, form, weights),
            helper.make_tensor(
                f'{name}_b', TensorProto.FLOAT, np.shape(constant) or [1], np.ravel(constant)
            ),
        ]
        nodes += [
            helper.make_node('Mul', ['x', f'{name}_w'], [f'{name}_parts']),
            helper.make_node('ReduceSum', [f'{name}_parts', 'axes'], [f'{name}_sum'], keepdims=1),
            helper.make_node('Add', [f'{name}_sum', f'{name}_b'], [f'{name}_f']),
            helper.make_node('Cast', [f'{name}_f'], [name], to=output_kind),
        ]
    graph = helper.make_graph(
        nodes,
        'toy',
        [
            helper.make_tensor_value_info('image', kind, shape),
            *(helper.make_tensor_value_info(n, TensorProto.FLOAT, [1]) for n in more_inputs),
        ],
        [helper.make_tensor_value_info(name, output_kind, None) for name in outputs],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=8)
    if made is not None and not beside:
        model.metadata_props.add(key='depth_contract', value=yaml.safe_dump(made))
    onnx.save(model, str(path))
    if made is not None and beside:
        path.with_name(f'{path.name}.yaml').write_text(yaml.safe_dump(made))
    return path


def image(color=(200, 100, 50), height: int = 48, width: int = 64) -> np.ndarray:
    """Return an image of one colour, red first."""
    return np.full((height, width, 3), color, np.uint8)
