import xml.etree.ElementTree as ElementTree
from pathlib import Path

import yaml

from zoedepth_ros.ros.parameters import TABLE

CONFIG = Path(__file__).resolve().parents[2] / 'config'


def flat(tree, prefix=''):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, f'{prefix}{key}.')
        else:
            yield f'{prefix}{key}', tuple(value) if isinstance(value, list) else value


def test_the_parameter_file_holds_every_parameter_at_its_default():
    content = yaml.safe_load((CONFIG / 'depth_node.yaml').read_text())
    values = dict(flat(content['/**']['ros__parameters']))
    assert values == {name: spec.default for name, spec in TABLE.items()}
    assert {n: type(v) for n, v in values.items()} == {
        name: type(spec.default) for name, spec in TABLE.items()
    }


def test_every_parameter_in_the_file_has_a_comment_above_it():
    lines = (CONFIG / 'depth_node.yaml').read_text().splitlines()
    start = lines.index('  ros__parameters:') + 1
    for before, line in zip(lines[start - 1 :], lines[start:], strict=False):
        if line.strip() and not line.lstrip().startswith('#') and not line.endswith(':'):
            assert before.lstrip().startswith('# '), line


def test_the_profile_gives_every_process_shared_memory_for_pictures_and_clouds():
    root = ElementTree.parse(CONFIG / 'fastdds.xml').getroot()
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
    assert size >= 32 * 2**20
    peers = int(transports[used[1]].findtext('d:maxInitialPeersRange', namespaces=names))
    assert peers >= 32


def test_rviz_shows_cloud_picture_and_depth_in_the_optical_frame():
    manager = yaml.safe_load((CONFIG / 'depth.rviz').read_text())['Visualization Manager']
    assert manager['Global Options']['Fixed Frame'] == 'camera_optical_frame'
    topics = {d['Topic']['Value']: d for d in manager['Displays'] if 'Topic' in d}
    assert {'image', 'depth/image', 'depth/points'} <= set(topics)
    assert topics['depth/points']['Color Transformer'] == 'RGB8'
    # Cameras may publish best effort, which a reliable subscriber never hears.
    assert topics['image']['Topic']['Reliability Policy'] == 'Best Effort'
