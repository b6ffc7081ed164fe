"""The layers of the package: every import of every module, lazy ones too."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / 'zoedepth_ros'

LAYERS = (
    'cli',
    'benchmark',
    'demo',
    'viewing',
    'ros',
    'bags',
    'training',
    'export',
    'evaluation',
    'datasets',
    'synthetic',
    'path_traced',
    'pipeline',
    'messages',
    'media',
    'environment',
    'build',
    'inference',
    'weights',
    'model',
    'geometry',
    'msg',  # generated from msg/*.msg
    'files',
    'folders',
    'errors',
    'terminal',
)
"""A folder (or module beside them) may import from those below it, and from no other."""

APART = {
    'pipeline': {'build', 'model', 'weights'},
    'messages': {'build', 'inference', 'model', 'weights'},
    'media': {'build', 'inference', 'model', 'weights'},
    'path_traced': {'build', 'inference', 'model', 'pipeline', 'weights'},
    'inference': {'weights'},
    'weights': {'geometry'},
    'model': {'geometry'},
}
"""Folders that do without some of those below them."""

TORCH = {'torch', 'torchvision', 'timm', 'transformers'}
TORCH_FREE = (
    'ros',
    'demo',
    'bags',
    'viewing',
    'datasets',
    'synthetic',
    'path_traced',
    'pipeline',
    'messages',
    'media',
    'geometry',
    'environment',
    'folders',
    'errors',
    'files',
    'terminal',
    # what is read of a network before it is built
    'model.config',
    'model.presets',
    'model.training_camera',
    'model.backbones.config',
    'weights.known_weights',
    'weights.locations',
    'inference.result',
    'inference.contract',
    'inference.check_images',
    'inference.fallback',
    'inference.runtimes.exported',
    'inference.runtimes.foreign',
    'inference.runtimes.session',
    'inference.runtimes.agreement',
    'inference.runtimes.contract_check',
    'inference.runtimes.onnx_runtime',
    'inference.runtimes.openvino_runtime',
    'inference.runtimes.openvino_heads',
    # what runs in the process of another implementation
    'benchmark.machine',
    'benchmark.timing',
    'benchmark.benchmark_report',
    'benchmark.parts',
    'benchmark.implementations',
    'benchmark.turns',
    'benchmark.worker',
    'benchmark.network_benchmark',
    'benchmark.network_report',
    'benchmark.size_benchmark',
    'benchmark.node',
)
ROS = frozenset({
    'rclpy', 'cv_bridge', 'sensor_msgs', 'sensor_msgs_py', 'std_msgs', 'std_srvs',
    'diagnostic_msgs', 'geometry_msgs', 'lifecycle_msgs', 'rcl_interfaces', 'nav_msgs',
    'builtin_interfaces', 'rosidl_runtime_py', 'tf2_ros', 'tf2_msgs', 'launch', 'launch_ros',
    'bond',
})  # fmt: skip
NETWORK = frozenset({
    'ssl', 'urllib.request', 'urllib.error', 'http.client', 'requests', 'httpx', 'aiohttp',
    'ftplib', 'torch.hub',
})  # fmt: skip
# libraries -> the folders or modules that alone may import them
ONLY = {
    ROS: (
        *('ros', 'demo', 'viewing.live_images', 'benchmark.node'),
        'messages.images',  # cv_bridge
    ),
    NETWORK: ('weights.fetch', 'weights.download'),
    frozenset({'socket'}): ('weights', 'viewing.viewer', 'environment'),
    frozenset({'huggingface_hub'}): ('weights',),
    frozenset({'timm'}): ('model.backbones',),
    frozenset({'argparse'}): ('cli', 'ros', 'demo'),
    frozenset({'transformers'}): ('benchmark.transformers_runner',),
    frozenset({'mcap', 'rosbags', 'ray'}): ('bags',),
    frozenset({'rerun'}): ('viewing',),
    frozenset({'mitsuba', 'drjit', 'mitsuba_oidn', 'trimesh'}): ('path_traced',),
    frozenset({'onnx', 'onnx_ir', 'onnxscript'}): ('export',),
    frozenset({'onnxruntime'}): ('export', 'inference.runtimes.onnx_runtime'),
    frozenset({'openvino'}): (
        'inference.runtimes.openvino_runtime',
        'inference.runtimes.openvino_heads',
    ),
    frozenset({'tensorrt'}): ('export.tensorrt', 'inference.runtimes.tensorrt_runtime'),
}


def imports(source: str, module: str) -> set[str]:
    """Give the dotted names of everything a module imports, relative imports resolved."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = f'zoedepth_ros.{module}'.split('.')[: -node.level] if node.level else []
            base = '.'.join([*parts, *filter(None, [node.module])])
            found |= {f'{base}.{alias.name}' for alias in node.names}
        elif isinstance(node, ast.Call) and _is_dynamic(node.func):
            names = [a.value for a in node.args[:1] if isinstance(a, ast.Constant)]
            found |= {name for name in names if isinstance(name, str)}
    return found


def _is_dynamic(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, 'id', '')
    return name in {'import_module', '__import__'}


def within(name: str, places) -> bool:
    """Tell whether a dotted name is one of the places or lies inside one."""
    return any(name == place or name.startswith(f'{place}.') for place in places)


def may_import(folder: str) -> set[str]:
    """Give the folders that one may import from."""
    return set(LAYERS[LAYERS.index(folder) :]) - APART.get(folder, set())


def forbidden_imports(source: str, module: str) -> list[str]:
    """Say what a module (dotted, without the package's name) must not import but does."""
    found = []
    folder = module.split('.')[0]
    for name in sorted(imports(source, module)):
        if name.startswith('zoedepth_ros.'):
            if folder != '__init__' and name.split('.')[1] not in may_import(folder):
                found.append(f'{module}: {folder} may not import {name}')
            continue
        if within(module, TORCH_FREE) and within(name, TORCH):
            found.append(f'{module}: must do without {name}')
        found += [
            f'{module}: only {", ".join(places)} may import {name}'
            for libraries, places in ONLY.items()
            if within(name, libraries) and not within(module, places)
        ]
    return found


def modules() -> dict[str, Path]:
    paths = {path: path.relative_to(PACKAGE).with_suffix('') for path in PACKAGE.rglob('*.py')}
    return {'.'.join(short.parts): path for path, short in sorted(paths.items())}


@pytest.mark.parametrize('module', modules())
def test_a_module_imports_only_from_layers_below(module):
    assert forbidden_imports(modules()[module].read_text(encoding='utf-8'), module) == []


def test_the_page_lists_the_folders_in_the_order_of_the_layers():
    page = (PACKAGE.parent / 'docs' / 'architecture.md').read_text(encoding='utf-8')
    section = page.partition('## Layers')[2].partition('\n## ')[0]
    rows = [line.split('|')[1] for line in section.splitlines() if line.startswith('| `')]
    listed = re.findall(r'`(\w+)(?:/|\.py)`', ''.join(rows))
    assert listed == [layer for layer in LAYERS if (PACKAGE / layer).is_dir() or layer == 'build']


def test_every_folder_has_its_layer_and_its_sentence():
    folders = {path.parent.name for path in PACKAGE.glob('*/__init__.py')}
    assert folders <= set(LAYERS)
    for folder in folders:
        tree = ast.parse((PACKAGE / folder / '__init__.py').read_text(encoding='utf-8'))
        assert ast.get_docstring(tree), folder
        assert len(tree.body) == 1, f'{folder}/__init__.py holds a docstring and nothing else'


@pytest.mark.parametrize(
    ('module', 'source', 'message'),
    [
        ('weights.load', 'from zoedepth_ros.inference.result import check_rgb', 'weights may not'),
        ('inference.predictor', 'from zoedepth_ros.weights import load', 'inference may not'),
        ('inference.predictor', 'from ..weights.load import load_weights', 'inference may not'),
        ('inference.predictor', 'from .. import build', 'inference may not'),
        ('model.bins', 'def f():\n    import zoedepth_ros.training.losses', 'model may not'),
        ('bags.plan', 'from zoedepth_ros.ros.inputs import Inputs', 'bags may not'),
        ('messages.images', 'from zoedepth_ros.pipeline import outputs', 'messages may not'),
        (
            'datasets.nyu_kitti',
            'import importlib\nimportlib.import_module("torch.utils")',
            'do without',
        ),
        ('ros.main', 'def factory():\n    import torch', 'must do without torch'),
        ('ros.depth_node', 'from torch import nn', 'must do without torch.nn'),
        ('pipeline.head_policy', 'if True:\n    import torch.nn as nn', 'must do without'),
        ('geometry.rays', 'import torchvision.ops', 'must do without torchvision.ops'),
        ('model.decoder', 'import timm', 'only model.backbones may import'),
        ('model.backbone', 'from timm.layers import Mlp', 'only model.backbones may import'),
        ('model.backbones.config', 'import timm', 'must do without timm'),
        ('media.color', 'from sensor_msgs.msg import Image', 'only ros, demo, viewing.live'),
        ('weights.load', 'def f():\n    from urllib.request import urlopen', 'only weights.fetch'),
        ('weights.load', 'import urllib.request as web', 'only weights.fetch'),
        ('weights.locations', 'import requests', 'only weights.fetch'),
        ('model.zoedepth', 'from torch.hub import load_state_dict_from_url', 'only weights.fetch'),
        ('training.run', 'import argparse', 'only cli, ros, demo may import argparse'),
    ],
)
def test_the_checker_finds(module, source, message):
    found = forbidden_imports(source, module)
    assert len(found) == 1
    assert message in found[0]


@pytest.mark.parametrize(
    ('module', 'source'),
    [
        ('model.backbones.beit', 'from timm.models.beit import Beit'),
        ('ros.main', 'def factory():\n    from zoedepth_ros.build import build_predictor'),
        ('weights.fetch', 'import urllib.request'),
        ('pipeline.request', 'from zoedepth_ros.messages import images'),
        ('weights.download', 'import urllib.request'),
        ('weights.known_weights', 'from urllib.parse import urlparse'),
        ('inference.predictor', 'from .result import AUTO\nimport torch'),
        ('build', 'from zoedepth_ros.weights.fetch import fetch'),
    ],
)
def test_the_checker_lets_pass(module, source):
    assert forbidden_imports(source, module) == []
