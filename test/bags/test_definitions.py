from pathlib import Path

import pytest

pytest.importorskip('rosbags', reason='pip install rosbags')

from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from zoedepth_ros.bags.definitions import definition_text, share_folders

PACKAGES = {
    'std_msgs/msg/Header': 'builtin_interfaces/Time stamp\nstring frame_id\n',
    'builtin_interfaces/msg/Time': '# A time.\nint32 sec\nuint32 nanosec\n',
    'mine/msg/All': (
        'std_msgs/Header header\n# Part no_field  of a comment\nPart[] parts\n'
        'Part[<=3] few  # bounded\nuint8 KIND=3\nstring<=10 name "of nothing"\nfloat32[4] row\n'
    ),
    'mine/msg/Part': 'builtin_interfaces/msg/Time time\n',
}


@pytest.fixture
def share(tmp_path):
    for name, text in PACKAGES.items():
        path = tmp_path / f'{name}.msg'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_a_definition_is_followed_by_everything_it_contains_once(share):
    text = definition_text('mine/msg/All', [share / 'nowhere', share])
    first, *others = text.split(f'\n{80 * "="}\n')
    assert first == PACKAGES['mine/msg/All']
    named = dict(part.split('\n', 1) for part in others)
    assert named == {
        'MSG: std_msgs/Header': PACKAGES['std_msgs/msg/Header'],
        'MSG: mine/Part': PACKAGES['mine/msg/Part'],
        'MSG: builtin_interfaces/Time': PACKAGES['builtin_interfaces/msg/Time'],
    }


def test_a_type_of_which_something_is_missing_has_no_definition(share):
    (share / 'mine/msg/Part.msg').unlink()
    assert definition_text('mine/msg/All', [share]) == ''


def test_packages_are_looked_for_in_the_sourced_workspaces_first(monkeypatch):
    monkeypatch.setenv('AMENT_PREFIX_PATH', '/mine/install:/opt/ros/jazzy')
    folders = share_folders()
    assert folders[:2] == [Path('/mine/install/share'), Path('/opt/ros/jazzy/share')]


@pytest.mark.parametrize('name', ['Image', 'CameraInfo', 'PointCloud2', 'CompressedImage'])
def test_another_parser_finds_the_very_types_in_the_definitions_of_this_machine(name):
    pytest.importorskip('rclpy')
    type_name = f'sensor_msgs/msg/{name}'
    found = get_types_from_msg(definition_text(type_name, share_folders()), type_name)
    store = get_typestore(Stores.EMPTY)
    store.register(found)
    assert store.hash_rihs01(type_name) == get_typestore(Stores.ROS2_JAZZY).hash_rihs01(type_name)
