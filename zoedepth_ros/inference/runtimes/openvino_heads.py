"""Cut a model of OpenVINO into what its heads share and one model per head."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from importlib import import_module
from itertools import chain
from typing import Any, NamedTuple

_Key = tuple[str, int]  # a tensor: the node that computes it, the number of the node's output


class HeadModel(NamedTuple):
    """The model of one head."""

    model: Any
    inputs: list[int]
    """For each input, the number of the output of the shared model that it takes."""
    outputs: list[str]
    """Names of its outputs."""


def cut(
    model: Any, heads: tuple[str, ...], library: Any, precision: str
) -> tuple[Any, list[HeadModel]]:
    """Return the model that all heads share, and those of the heads.

    heads: the outputs of a head end with its name.  library: the module openvino.  precision: in
    which the models will be compiled.  The weights are not copied; the given model must not be
    used afterwards.  A model without outputs of several heads is returned as it is.
    """
    ports = {port.get_any_name(): port for port in model.outputs}
    names = {head: [name for name in ports if name.endswith(f'_{head}')] for head in heads}
    if len(heads) < 2 or not all(names.values()):
        return model, []
    results = {name: port.get_node() for name, port in ports.items()}
    _fold_constants(model)
    common = [node for name, node in results.items() if name not in chain(*names.values())]
    nodes = {head: _with_ancestors(results[name] for name in names[head]) for head in heads}
    uses = Counter(chain(*nodes.values()))
    shared = {name for name, count in uses.items() if count > 1} | set(_with_ancestors(common))
    passed: dict[_Key, Any] = {}  # tensor -> output of the shared model
    parts = []
    for head in heads:
        own = [node for name, node in nodes[head].items() if name not in shared]
        inputs = _take(own, shared, passed, library, halve=precision == 'bf16')
        parts.append(
            (library.Model([results[x] for x in names[head]], [*inputs.values()]), inputs)
        )
    numbers = {key: len(common) + number for number, key in enumerate(passed)}
    return library.Model([*common, *passed.values()], model.get_parameters()), [
        HeadModel(part, [numbers[key] for key in inputs], names[head])
        for head, (part, inputs) in zip(heads, parts, strict=True)
    ]


def _fold_constants(model: Any) -> None:
    """Replace what is computed from constants and shapes, which heads would take as tensors."""
    passes = import_module('openvino.passes')
    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())
    manager.run_passes(model)


def _with_ancestors(nodes: Iterable[Any]) -> dict[str, Any]:
    """Return these nodes and all that they depend on, by unique name."""
    found: dict[str, Any] = {}
    todo = list(nodes)
    while todo:
        node = todo.pop()
        if node.get_name() not in found:
            found[node.get_name()] = node
            todo += [value.get_node() for value in node.input_values()]
    return found


def _take(
    nodes: list[Any], shared: set[str], passed: dict[_Key, Any], library: Any, *, halve: bool
) -> dict[_Key, Any]:
    """Let the nodes of a head take inputs of a model instead of tensors of shared nodes.

    Returns the inputs by tensor, and adds outputs of the shared model for these tensors to
    `passed`.  halve: pass fp32 tensors in bf16, in which they are computed; OpenVINO would else
    convert them to fp32 and back, which took a tenth of the time of an image.
    """
    ops = import_module('openvino.opset13')
    inputs: dict[_Key, Any] = {}
    taken: dict[_Key, Any] = {}
    for port in chain.from_iterable(node.inputs() for node in nodes):
        source = port.get_source_output()
        node, kind = source.get_node(), source.get_element_type()
        key = (node.get_name(), source.get_index())
        if key[0] not in shared or node.get_type_name() == 'Constant':
            continue
        halved = halve and kind == library.Type.f32
        if key not in passed:
            passed[key] = ops.result(ops.convert(source, 'bf16') if halved else source)
        if key not in taken:
            shape = source.get_partial_shape()
            inputs[key] = ops.parameter(shape, library.Type.bf16 if halved else kind)
            taken[key] = ops.convert(inputs[key], 'f32') if halved else inputs[key]
        port.replace_source_output(taken[key].output(0))
    return inputs
