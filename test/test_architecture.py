"""The walls between the rooms: every import of every module, lazy ones too."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / 'zoedepth_ros'

# room -> the rooms it may import, besides itself
MAY_IMPORT = {
    'folders': set(),
    'errors': set(),
    'files': {'errors'},
    'terminal': set(),
    'model': set(),
    'geometry': set(),
    'weights': {'model', 'folders'},
    'inference': {'model', 'geometry'},
    'data': {'geometry', 'folders'},
    'output': {'geometry'},
    'build': {'inference', 'weights', 'model'},
}
MAY_IMPORT['evaluation'] = {'build', 'inference', 'weights', 'data', 'output', 'model', 'geometry'}
MAY_IMPORT['export'] = MAY_IMPORT['evaluation']
MAY_IMPORT['training'] = MAY_IMPORT['evaluation'] | {'evaluation'}
MAY_IMPORT['recordings'] = {'build', 'inference', 'geometry', 'output'}
MAY_IMPORT['viewing'] = {'recordings', 'inference', 'geometry', 'output'}
MAY_IMPORT['cli'] = MAY_IMPORT['training'] | {'training', 'export', 'recordings', 'viewing'}
MAY_IMPORT['benchmark'] = MAY_IMPORT['evaluation'] | {'export', 'ros', 'msg'}
MAY_IMPORT['cli'] |= {'benchmark'}
MAY_IMPORT['ros'] = MAY_IMPORT['evaluation'] | {'evaluation', 'msg'}  # msg: from msg/*.msg
_GROUND = {'errors', 'files', 'terminal'}  # that all stand on
for _room in set(MAY_IMPORT) - _GROUND - {'folders'}:
    MAY_IMPORT[_room] |= _GROUND

TORCH = {'torch', 'torchvision', 'timm', 'transformers'}
TORCH_FREE = (
    'model.config',
    'model.presets',
    'model.backbones.config',
    'inference.result',
    'inference.on_device',
    'inference.exported',
    'inference.onnx_runtime',
    'inference.openvino_runtime',
    'inference.head_policy',
    'inference.threads',
    'weights.registry',
    'weights.places',
    'geometry',
    'output',
    'data',
    'folders',
    'errors',
    'files',
    'terminal',
    'ros',
    'benchmark.facts',
    'benchmark.timing',
    'benchmark.report',
    'benchmark.parts',
    'benchmark.node',
)
# libraries -> the modules or rooms that alone may import them
ONLY = {
    frozenset({'timm'}): ('model.backbones',),
    frozenset({
        'rclpy', 'cv_bridge', 'sensor_msgs', 'sensor_msgs_py', 'std_msgs', 'std_srvs',
        'diagnostic_msgs', 'geometry_msgs', 'lifecycle_msgs', 'rcl_interfaces', 'nav_msgs',
        'builtin_interfaces', 'rosidl_runtime_py', 'tf2_ros', 'launch', 'launch_ros', 'bond',
    }): ('ros', 'benchmark.node'),
    frozenset({
        'socket', 'ssl', 'urllib.request', 'urllib.error', 'http.client', 'requests', 'httpx',
        'huggingface_hub', 'aiohttp', 'ftplib', 'torch.hub',
    }): ('weights.fetch', 'weights.download'),
    frozenset({'argparse'}): ('cli', 'ros'),
    frozenset({'transformers'}): ('benchmark.transformers_side',),
    frozenset({'mcap', 'rosbags', 'ray'}): ('recordings',),
    frozenset({'rerun'}): ('viewing',),
    frozenset({'onnx', 'onnx_ir', 'onnxscript'}): ('export',),
    frozenset({'onnxruntime'}): ('export', 'inference.onnx_runtime'),
    frozenset({'openvino'}): ('inference.openvino_runtime',),
    frozenset({'tensorrt'}): ('export.tensorrt', 'inference.tensorrt_runtime'),
}  # fmt: skip
# Modules that another room may use all the same: those of ROS that need no ROS serve recordings.
SHARED = {
    'recordings': (
        'zoedepth_ros.ros.camera_info',
        'zoedepth_ros.ros.conversions',
        'zoedepth_ros.ros.rates',
    ),
    'cli': ('zoedepth_ros.ros.live_pictures',),
    # What the recorder's bag is written with; the library behind it is imported when there is one.
    'ros': tuple(
        f'zoedepth_ros.recordings.{name}'
        for name in ('contents', 'definitions', 'errors', 'live', 'qos')
    ),
}
EXCEPTIONS = {
    # looks into caches that are on this machine; the module promises not to touch the network
    ('weights.places', 'huggingface_hub'),
    # ask whether a port of this machine is free, or answered by the viewer that was started
    ('viewing.viewer', 'socket'),
    ('ros.environment', 'socket'),
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


def crossed_walls(source: str, module: str) -> list[str]:
    """Say which walls a module (dotted, without the package's name) crosses."""
    walls = []
    room = module.split('.')[0]
    for name in sorted(imports(source, module)):
        if name.startswith('zoedepth_ros.'):
            other = name.split('.')[1]
            shared = within(name, SHARED.get(room, ()))
            if room != '__init__' and not shared and other not in MAY_IMPORT[room] | {room}:
                walls.append(f'{module}: {room} may not import {name}')
            continue
        if within(module, TORCH_FREE) and within(name, TORCH):
            walls.append(f'{module}: must do without {name}')
        walls += [
            f'{module}: only {", ".join(places)} may import {name}'
            for libraries, places in ONLY.items()
            if within(name, libraries)
            and not within(module, places)
            and not any(module == m and within(name, [n]) for m, n in EXCEPTIONS)
        ]
    return walls


def modules() -> dict[str, Path]:
    paths = {path: path.relative_to(PACKAGE).with_suffix('') for path in PACKAGE.rglob('*.py')}
    return {'.'.join(short.parts): path for path, short in sorted(paths.items())}


@pytest.mark.parametrize('module', modules())
def test_no_wall_is_crossed(module):
    assert crossed_walls(modules()[module].read_text(encoding='utf-8'), module) == []


def test_every_room_has_its_walls_described_and_its_sentence():
    rooms = {path.parent.name for path in PACKAGE.glob('*/__init__.py')}
    assert {'model', 'weights', 'inference', 'geometry', 'ros'} <= rooms
    assert rooms <= set(MAY_IMPORT)
    for room in rooms:
        tree = ast.parse((PACKAGE / room / '__init__.py').read_text(encoding='utf-8'))
        assert ast.get_docstring(tree), room
        assert len(tree.body) == 1, f'{room}/__init__.py holds a docstring and nothing else'


@pytest.mark.parametrize(
    ('module', 'source', 'message'),
    [
        ('weights.load', 'from zoedepth_ros.inference.result import check_rgb', 'weights may not'),
        ('inference.predictor', 'from zoedepth_ros.weights import load', 'inference may not'),
        ('inference.predictor', 'from ..weights.load import load_weights', 'inference may not'),
        ('inference.predictor', 'from .. import build', 'inference may not'),
        ('model.bins', 'def f():\n    import zoedepth_ros.training.losses', 'model may not'),
        ('data.nyu', 'import importlib\nimportlib.import_module("torch.utils")', 'do without'),
        ('ros.main', 'def factory():\n    import torch', 'must do without torch'),
        ('ros.depth_node', 'from torch import nn', 'must do without torch.nn'),
        ('inference.head_policy', 'if True:\n    import torch.nn as nn', 'must do without'),
        ('geometry.rays', 'import torchvision.ops', 'must do without torchvision.ops'),
        ('model.decoder', 'import timm', 'only model.backbones may import'),
        ('model.backbone', 'from timm.layers import Mlp', 'only model.backbones may import'),
        ('model.backbones.config', 'import timm', 'must do without timm'),
        (
            'output.color',
            'from sensor_msgs.msg import Image',
            'only ros, benchmark.node may import',
        ),
        ('weights.load', 'def f():\n    from urllib.request import urlopen', 'only weights.fetch'),
        ('weights.load', 'import urllib.request as web', 'only weights.fetch'),
        ('weights.places', 'import requests', 'only weights.fetch'),
        ('model.zoedepth', 'from torch.hub import load_state_dict_from_url', 'only weights.fetch'),
        ('training.train', 'import argparse', 'only cli, ros may import argparse'),
    ],
)
def test_the_checker_finds(module, source, message):
    walls = crossed_walls(source, module)
    assert len(walls) == 1
    assert message in walls[0]


@pytest.mark.parametrize(
    ('module', 'source'),
    [
        ('model.backbones.beit', 'from timm.models.beit import Beit'),
        ('ros.main', 'def factory():\n    from zoedepth_ros.build import build_predictor'),
        ('weights.fetch', 'import urllib.request'),
        ('weights.download', 'import urllib.request'),
        ('weights.registry', 'from urllib.parse import urlparse'),
        ('inference.predictor', 'from .result import AUTO\nimport torch'),
        ('build', 'from zoedepth_ros.weights.fetch import fetch'),
    ],
)
def test_the_checker_lets_pass(module, source):
    assert crossed_walls(source, module) == []
