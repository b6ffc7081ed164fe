"""The snippets for Nav2 and its kind: every key is read, with this type, by each distribution.

known_parameters.yaml holds what the sources of each distribution read.
"""

from pathlib import Path

import docs_pages as pages
import pytest
import yaml

from zoedepth_ros.pipeline.parameter_file import flattened

CONFIG = Path(__file__).resolve().parents[2] / 'config'
KNOWN = yaml.safe_load((Path(__file__).parent / 'known_parameters.yaml').read_text())
DISTRIBUTIONS = ('humble', 'jazzy', 'kilted', 'lyrical')
SNIPPETS = {
    'nav2_voxel.yaml': DISTRIBUTIONS,
    'nav2_stvl.yaml': DISTRIBUTIONS,
    'nav2_lidar.yaml': DISTRIBUTIONS,
    'collision_monitor_humble.yaml': ('humble',),
    'collision_monitor.yaml': ('jazzy', 'kilted', 'lyrical'),
    'depthimage_to_laserscan.yaml': DISTRIBUTIONS,
    'rtabmap.yaml': DISTRIBUTIONS,
    'octomap_server.yaml': ('jazzy',),
    'nvblox.yaml': ('jazzy',),
    'elevation_mapping.yaml': ('jazzy',),
}
# A key by which a file for our own node, training or camera is known.
OURS = {'/**', 'zoedepth', 'stages', 'camera_matrix'}
LAYERS = {
    'nav2_costmap_2d::ObstacleLayer': 'obstacle_layer',
    'nav2_costmap_2d::VoxelLayer': 'voxel_layer',
    'spatio_temporal_voxel_layer/SpatioTemporalVoxelLayer': 'stvl',
}
IS_OF_TYPE = {
    'bool': lambda value: isinstance(value, bool),
    'integer': lambda value: isinstance(value, int) and not isinstance(value, bool),
    'double': lambda value: isinstance(value, float),
    'string': lambda value: isinstance(value, str),
    'strings': lambda value: all(isinstance(item, str) for item in value),
    'doubles': lambda value: all(isinstance(item, float) for item in value),
}


def known(program, distribution):
    """Give parameter -> type of a program in a distribution."""
    there = {}
    for name, kind in KNOWN[program].items():
        if isinstance(kind, dict) and name != 'read_from':
            since = [
                d for d in DISTRIBUTIONS[: DISTRIBUTIONS.index(distribution) + 1] if d in kind
            ]
            kind = kind[since[-1]] if since else 'none'
        if name != 'read_from' and kind != 'none':
            there[name] = kind
    return there


def problems(content, distribution):
    """Yield what is wrong with a snippet: a key that is not read, a value of another type."""
    for node, below in content.items():
        while 'ros__parameters' not in below:
            ((node, below),) = below.items()
        for program, values in blocks(node, below['ros__parameters']):
            readable = known(program, distribution)
            for name, value in values.items():
                if name not in readable:
                    yield f'{program} does not read {name}'
                elif not IS_OF_TYPE[readable[name]](value):
                    yield f'{program} reads {name} as {readable[name]}, not {value!r}'


def blocks(node, values):
    """Yield program and its own parameters, for the node and what is named in it."""
    values = dict(values)
    if node == 'local_costmap':
        for layer in (values.pop(name) for name in values['plugins'] if name in values):
            program = LAYERS[layer['plugin']]
            sources = layer['observation_sources'].split()
            yield program, {k: v for k, v in layer.items() if k not in sources}
            yield from ((f'{program} source', layer[name]) for name in sources)
        yield 'nav2_costmap_2d', values
    elif node == 'collision_monitor':
        for name in values['polygons']:
            yield 'collision_monitor polygon', values.pop(name)
        for name in values['observation_sources']:
            yield 'collision_monitor source', values.pop(name)
        yield node, values
    elif node in ('rtabmap', 'rgbd_odometry'):
        yield node, {k: v for k, v in values.items() if '/' not in k}
        yield 'rtabmap library', {k: v for k, v in values.items() if '/' in k}
    else:
        name = 'lifecycle_manager' if node.startswith('lifecycle_manager') else node
        yield name, dict(flattened(values))


def snippet(name):
    return yaml.safe_load((CONFIG / name).read_text(encoding='utf-8'))


def in_documentation():
    for page in pages.PAGES:
        for block in pages.blocks(page):
            if block.language == 'yaml':
                for node, below in yaml.safe_load(block.text).items():
                    if node.split('_')[0] in ('lifecycle', 'collision', 'local', 'rtabmap'):
                        yield pytest.param({node: below}, id=block.where)


@pytest.mark.parametrize(
    ('name', 'distribution'), [(n, d) for n, many in SNIPPETS.items() for d in many]
)
def test_every_key_is_read_with_its_type_in_every_distribution_it_is_for(name, distribution):
    assert list(problems(snippet(name), distribution)) == []


@pytest.mark.parametrize('distribution', DISTRIBUTIONS)
@pytest.mark.parametrize('content', list(in_documentation()))
def test_so_is_every_key_in_the_documentation(content, distribution):
    assert list(problems(content, distribution)) == []


def test_every_configuration_is_our_own_or_checked_here():
    others = {path.name for path in CONFIG.glob('*.yaml') if not OURS & set(snippet(path.name))}
    assert others == set(SNIPPETS)


def test_the_collision_monitor_of_later_distributions_is_not_for_humble():
    found = '\n'.join(problems(snippet('collision_monitor.yaml'), 'humble'))
    assert 'polygon reads points as doubles' in found  # it does not configure
    assert 'polygon does not read min_points' in found
    assert 'collision_monitor does not read state_topic' in found
    later = '\n'.join(problems(snippet('collision_monitor_humble.yaml'), 'jazzy'))
    assert 'polygon reads points as string' in later


@pytest.mark.parametrize(
    ('name', 'value', 'message'),
    [
        ('expected_update_rate', 1, 'voxel_layer source reads expected_update_rate as double'),
        ('marking', 'true', 'voxel_layer source reads marking as bool'),
        ('obstacle_range', 5.0, 'voxel_layer source does not read obstacle_range'),
    ],
)
def test_a_wrong_type_and_an_unknown_key_are_found(name, value, message):
    content = snippet('nav2_voxel.yaml')
    costmap = content['local_costmap']['local_costmap']['ros__parameters']
    costmap['depth_layer']['obstacles'][name] = value
    (found,) = problems(content, 'jazzy')
    assert found.startswith(message)


def test_both_collision_monitors_have_the_same_zones_and_limits():
    (later,), (humble,) = (
        [n['ros__parameters'] for n in snippet(name).values()]
        for name in ('collision_monitor.yaml', 'collision_monitor_humble.yaml')
    )
    assert humble['polygons'] == later['polygons']
    for zone in later['polygons']:
        corners = yaml.safe_load(later[zone]['points'])
        assert humble[zone]['points'] == [value for corner in corners for value in corner]
        # Humble acts on more than max_points, later ones on min_points or more
        assert humble[zone]['max_points'] == later[zone]['min_points'] - 1
    assert humble['obstacles'] == later['obstacles']


def layers():
    for name in ('nav2_voxel.yaml', 'nav2_stvl.yaml', 'nav2_lidar.yaml'):
        costmap = snippet(name)['local_costmap']['local_costmap']['ros__parameters']
        yield costmap['depth_layer']


def test_a_costmap_notices_when_no_obstacles_come():
    for layer in layers():
        marking = [layer[n] for n in layer['observation_sources'].split() if layer[n]['marking']]
        assert all(source['expected_update_rate'] > 0 for source in marking)


def test_clearing_reaches_at_least_as_far_as_marking():
    for layer in (layer for layer in layers() if 'origin_z' in layer):
        sources = [layer[name] for name in layer['observation_sources'].split()]
        marked_m = layer['obstacles']['obstacle_max_range']
        assert all(s['raytrace_max_range'] >= marked_m for s in sources if s['clearing'])


def test_16_voxels_are_the_most_that_a_voxel_layer_holds():
    assert all(
        layer.get('z_voxels', 16) <= 16 for layer in layers()
    )  # VOXEL_BITS in voxel_layer.cpp
