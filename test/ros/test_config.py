import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

from zoedepth_ros.pipeline.outputs import POINTS, STD
from zoedepth_ros.pipeline.parameter_file import flattened
from zoedepth_ros.ros.parameters.node_settings import TABLE
from zoedepth_ros.ros.publishers import TOPICS

CONFIG = Path(__file__).resolve().parents[2] / 'config'


def test_the_parameter_file_holds_every_parameter_at_its_default():
    content = yaml.safe_load((CONFIG / 'depth_node.yaml').read_text())
    values = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in flattened(content['/**']['ros__parameters'])
    }
    assert values == {name: spec.default for name, spec in TABLE.items()}
    assert {n: type(v) for n, v in values.items()} == {
        name: type(spec.default) for name, spec in TABLE.items()
    }


def test_the_comment_above_a_parameter_is_its_description():
    comments, path, found = [], [], {}
    for line in (CONFIG / 'depth_node.yaml').read_text().splitlines():
        if line.lstrip().startswith('#'):
            comments.append(line.lstrip('# '))
        elif line.strip():
            depth = (len(line) - len(line.lstrip())) // 2
            path = [*path[:depth], line.strip().partition(':')[0]]
            found['.'.join(path[2:])] = ' '.join(comments)
            comments = []
    for name, spec in TABLE.items():
        assert found[name].startswith(spec.description.removesuffix('.')), name


def test_every_parameter_in_the_file_has_a_comment_above_it():
    lines = (CONFIG / 'depth_node.yaml').read_text().splitlines()
    start = lines.index('  ros__parameters:') + 1
    for before, line in zip(lines[start - 1 :], lines[start:], strict=False):
        if line.strip() and not line.lstrip().startswith('#') and not line.endswith(':'):
            assert before.lstrip().startswith('# '), line


@pytest.mark.parametrize(('file', 'least_mb'), [('fastdds.xml', 32), ('fastdds_large.xml', 128)])
def test_the_profile_gives_every_process_shared_memory_for_images_and_clouds(file, least_mb):
    root = ElementTree.parse(CONFIG / file).getroot()
    names = {'d': root.find('.//{*}profiles').tag[1:].split('}')[0]}
    transports = {
        item.findtext('d:transport_id', namespaces=names): item
        for item in root.iterfind('.//d:transport_descriptor', names)
    }
    participant = root.find('.//d:participant', names)
    assert participant.get('is_default_profile') == 'true'
    used = [item.text for item in participant.iterfind('.//d:userTransports/*', names)]
    kinds = [transports[name].findtext('d:type', namespaces=names) for name in used]
    assert kinds == ['SHM', 'UDPv4']
    assert participant.findtext('.//d:useBuiltinTransports', namespaces=names) == 'false'
    size = int(transports[used[0]].findtext('d:segment_size', namespaces=names))
    assert size >= least_mb * 2**20
    # Beside UDP messages go in pieces of 65500 bytes; the queue has to hold those of a segment.
    queue = transports[used[0]].findtext('d:port_queue_capacity', namespaces=names)
    assert int(queue) * 65500 >= size
    peers = int(transports[used[1]].findtext('d:maxInitialPeersRange', namespaces=names))
    assert peers >= 32


INPUTS = {'image', 'camera_info'}
MESSAGES = CONFIG.parent / 'msg'


def rviz():
    return yaml.safe_load((CONFIG / 'depth.rviz').read_text())


def rviz_displays():
    """Return the first display of each topic."""
    displays = rviz()['Visualization Manager']['Displays']
    return {d['Topic']['Value']: d for d in reversed(displays) if 'Topic' in d}


def test_rviz_shows_cloud_image_and_depth_in_the_optical_frame():
    manager = rviz()['Visualization Manager']
    assert manager['Global Options']['Fixed Frame'] == 'camera_optical_frame'
    topics = rviz_displays()
    assert {'image', 'depth/image', 'depth/points'} <= set(topics)
    assert topics['depth/points']['Color Transformer'] == 'RGB8'
    # Cameras may publish best effort, which a reliable subscriber never hears.
    assert topics['image']['Topic']['Reliability Policy'] == 'Best Effort'


def test_rviz_shows_only_topics_that_there_are():
    assert set(rviz_displays()) <= {*TOPICS, *INPUTS}


def test_rviz_can_colour_the_points_by_the_field_that_the_node_adds():
    displays = rviz()['Visualization Manager']['Displays']
    (display,) = [d for d in displays if d.get('Color Transformer') == 'Intensity']
    assert display['Topic']['Value'] == POINTS
    assert display['Channel Name'] == STD


def test_both_layouts_have_the_uncertainty_the_obstacles_and_the_missing_floor():
    segments = {'depth/points/obstacles', 'depth/points/cliffs'}
    assert segments <= set(rviz_displays())
    assert {f'/{topic}' for topic in (*segments, 'depth/uncertainty')} <= set(foxglove_paths())


def test_rviz_shows_at_first_only_what_the_node_publishes_with_its_defaults_for_any_image():
    displays = rviz()['Visualization Manager']['Displays']
    topics = {d['Topic']['Value'] for d in displays if d['Enabled'] and 'Topic' in d}
    assert topics == {'image', 'depth/image', 'depth/color', 'depth/points'}


def test_displays_of_rviz_that_are_shown_together_differ_in_colour():
    displays = rviz()['Visualization Manager']['Displays']
    colours = [d['Color'] for d in displays if d.get('Color Transformer') == 'FlatColor']
    assert len(colours) == len(set(colours)) == 4  # obstacles, clearing, cliffs, scan


def test_one_infinite_pixel_does_not_blacken_rvizs_depth():
    depth = rviz_displays()['depth/image']
    assert depth['Normalize Range'] is False
    assert 0.0 <= depth['Min Value'] < depth['Max Value'] <= 80.0


def test_every_panel_of_rviz_has_its_place():
    state = bytes.fromhex(rviz()['Window Geometry']['QMainWindow State'])
    images = [d for d in rviz_displays().values() if d['Class'].endswith('/Image')]
    for name in ('Displays', *(d['Name'] for d in images)):
        text = name.encode('utf-16-be')
        assert len(text).to_bytes(4, 'big') + text in state, name


def foxglove():
    return json.loads((CONFIG / 'foxglove.json').read_text())


def leaves(node):
    return [node] if isinstance(node, str) else [*leaves(node['first']), *leaves(node['second'])]


def test_a_layout_of_foxglove_has_what_its_reader_asks_for_and_places_every_panel_once():
    layout = foxglove()
    assert all(isinstance(layout[name], dict) for name in ('configById', 'globalVariables'))
    assert isinstance(layout['playbackConfig']['speed'], (int, float))
    assert sorted(leaves(layout['layout'])) == sorted(layout['configById'])
    kinds = {name.partition('!')[0] for name in layout['configById']}
    assert kinds == {'3D', 'Image', 'Indicator', 'Plot', 'RawMessages', 'StateTransitions'}


# What each panel reads from its configuration: the types RendererConfig, IndicatorConfig,
# PlotConfig, RawMessagesPanelConfig and StateTransitionConfig of Lichtblick, 2026-07.
OF_A_SCENE = {
    *('cameraState', 'followTf', 'followMode', 'scene', 'publish', 'transforms', 'topics'),
    *('layers', 'imageMode'),
}
PANEL_KEYS = {
    '3D': OF_A_SCENE,
    'Image': OF_A_SCENE,
    'Indicator': {'fallbackColor', 'fallbackLabel', 'path', 'rules', 'style'},
    'Plot': {
        *('paths', 'minXValue', 'maxXValue', 'minYValue', 'maxYValue', 'showLegend', 'isSynced'),
        *('legendDisplay', 'showPlotValuesInLegend', 'showXAxisLabels', 'showYAxisLabels'),
        *('xAxisVal', 'xAxisPath', 'xAxisLabel', 'yAxisLabel', 'followingViewWidth'),
        'sidebarDimension',
    },
    'RawMessages': {
        *('diffEnabled', 'diffMethod', 'diffTopicPath', 'expansion', 'showFullMessageForDiff'),
        *('topicPath', 'fontSize'),
    },
    'StateTransitions': {
        *('isSynced', 'paths', 'xAxisMaxValue', 'xAxisMinValue', 'xAxisRange', 'xAxisLabel'),
        'showPoints',
    },
}


def test_every_panel_of_foxglove_has_only_keys_that_it_reads():
    for name, panel in foxglove()['configById'].items():
        assert set(panel) <= PANEL_KEYS[name.partition('!')[0]] | {'foxglovePanelTitle'}, name


def foxglove_paths():
    for name, panel in foxglove()['configById'].items():
        mode = panel.get('imageMode', {})
        yield from (mode[key] for key in ('imageTopic', 'calibrationTopic') if key in mode)
        yield from panel.get('topics', {})
        yield from (path['value'] for path in panel.get('paths', ()))
        yield from (panel[key] for key in ('path', 'topicPath') if key in panel)
        assert (
            mode or panel.get('paths') or panel.get('topics') or {'path', 'topicPath'} & set(panel)
        ), name


def test_foxglove_shows_only_topics_and_fields_that_there_are():
    fields = {
        '/zoedepth/status': (MESSAGES / 'Status.msg').read_text(),
        '/domain': (MESSAGES / 'Domain.msg').read_text(),
    }
    topics = {f'/{topic}' for topic in (*TOPICS, *INPUTS)} | set(fields)
    paths = list(foxglove_paths())
    assert len(paths) > 10
    for path in paths:
        topic, _, name = path.partition('.')
        assert topic in topics, path
        if name:
            assert re.search(rf'^\w+ {name}$', fields[topic], re.MULTILINE), path


def test_foxglove_names_every_state_by_its_number():
    states = re.findall(r'STATE_(\w+)=(\d)', (MESSAGES / 'Status.msg').read_text())
    known = {number: name for name, number in states if name != 'UNKNOWN'}
    rules = foxglove()['configById']['Indicator!state']['rules']
    found = {rule['rawValue']: rule['label'].partition(':')[0] for rule in rules}
    assert found == {number: name.lower().replace('_', ' ') for number, name in known.items()}
