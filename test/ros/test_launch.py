"""The launch files with the real launch system, where it is installed."""

import importlib.util
import os
from pathlib import Path

import pytest

launch = pytest.importorskip('launch')
actions = pytest.importorskip('launch.actions')
ros_actions = pytest.importorskip('launch_ros.actions')

ROOT = Path(__file__).resolve().parents[2]
ARGUMENTS = [
    *(
        'namespace',
        'cameras',
        'params_file',
        'image',
        'camera_info',
        'image_transport',
        'model',
        'weights',
    ),
    *('device', 'precision', 'router_mode', 'autostart', 'use_sim_time'),
    *('respawn', 'respawn_delay', 'rviz', 'rviz_frame', 'log_level'),
]

ROBOTS = """
/*/zoedepth: {ros__parameters: {cameras: [d]}}
/one/zoedepth: {ros__parameters: {cameras: [a]}}
two: {zoedepth: {ros__parameters: {cameras: [b]}}}
/one/*/zoedepth: {ros__parameters: {cameras: [c]}}
zoedepth: {ros__parameters: {depth.rate: 5.0}}
"""


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / 'launch' / f'{name}.launch.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def started(monkeypatch):
    """Give a function: launch arguments -> the actions depth.launch.py starts."""

    def start(**given):
        module, context = load('depth'), launch.LaunchContext()
        given.setdefault('params_file', str(ROOT / 'config' / 'depth_node.yaml'))
        for argument in module.ARGUMENTS:
            value = given.pop(argument.name, None)
            if value is None:
                argument.execute(context)
            else:
                context.launch_configurations[argument.name] = value
                argument.execute(context)
        assert not given, given
        return module, context, module.start(context)

    monkeypatch.delenv('FASTDDS_DEFAULT_PROFILES_FILE', raising=False)
    monkeypatch.delenv('FASTRTPS_DEFAULT_PROFILES_FILE', raising=False)
    return start


def test_the_node_is_started_with_exactly_the_arguments_of_the_interface():
    described = load('depth').generate_launch_description().get_launch_arguments()
    assert [argument.name for argument in described] == ARGUMENTS
    assert all(argument.description for argument in described)
    with_choices = {argument.name for argument in described if argument.choices}
    assert with_choices == {
        'image_transport', 'precision', 'router_mode', 'autostart', 'use_sim_time', 'respawn',
        'rviz', 'log_level',
    }  # fmt: skip


def test_arguments_become_parameters_only_when_given(started):
    module, context, _ = started()
    assert module.given_parameters(context) == {}
    module, context, _ = started(
        model='ZoeD_tiny_NK', router_mode='indoor', autostart='false', use_sim_time='true'
    )
    assert module.given_parameters(context) == {
        'model': 'ZoeD_tiny_NK',
        'router.mode': 'indoor',
        'autostart': False,
        'use_sim_time': True,
    }


def test_the_camera_info_topic_is_left_to_the_node_unless_given(started):
    module, context, _ = started(image='/cam/image_raw')
    assert module.remappings(context) == [('image', '/cam/image_raw')]
    module, context, _ = started(image='/cam/image_raw', camera_info='/other/info')
    assert ('camera_info', '/other/info') in module.remappings(context)


def rviz_of(context, started):
    (rviz,) = [n for n in started if isinstance(n, ros_actions.Node) and n.node_package == 'rviz2']
    # not the executable, which is looked for
    return [launch.utilities.perform_substitutions(context, part) for part in rviz.cmd[1:5]]


def test_rviz_gets_its_layout_and_the_frame_of_the_camera(started):
    _, context, nodes = started()
    flag, config, *frame = rviz_of(context, nodes)
    assert (flag, Path(config).name, frame) == ('-d', 'depth.rviz', ['-f', 'camera_optical_frame'])
    _, context, nodes = started(rviz_frame='front_optical')
    assert rviz_of(context, nodes)[2:] == ['-f', 'front_optical']


def test_rviz_shows_compressed_images_as_they_come(started, tmp_path):
    compressed = {'image': '/cam/image_raw', 'image_transport': 'compressed'}
    module, context, nodes = started(**compressed, rviz='true')
    text = Path(rviz_of(context, nodes)[1]).read_text()
    assert 'Value: image/compressed\n' in text
    assert 'Value: image\n' not in text
    assert 'Value: depth/image\n' in text
    assert module.rviz_view(context)['remappings'] == [
        ('image', '/cam/image_raw'), ('image/compressed', '/cam/image_raw/compressed'),
    ]  # fmt: skip
    file = tmp_path / 'node.yaml'
    file.write_text('/**:\n  ros__parameters:\n    image_transport: compressed\n')
    _, context, nodes = started(params_file=str(file), rviz='true')
    assert 'image/compressed' in Path(rviz_of(context, nodes)[1]).read_text()
    assert 'image/compressed' not in Path(rviz_of(*started(rviz='true')[1:])[1]).read_text()
    # Without RViz nothing is written.
    assert Path(rviz_of(*started(**compressed)[1:])[1]) == module.SHARE / 'config' / 'depth.rviz'


def test_several_cameras_have_their_topics_by_a_pattern(started):
    module, context, _ = started(cameras='front,left', image='/{camera}/image_raw')
    assert module.given_parameters(context) == {'cameras': ['front', 'left']}
    assert module.remappings(context) == [
        ('front/image', '/front/image_raw'), ('left/image', '/left/image_raw'),
    ]  # fmt: skip
    assert module.rviz_view(context) == {
        'namespace': '/front', 'remappings': [('image', '/front/image_raw')],
    }  # fmt: skip
    with pytest.raises(ValueError, match=r'expected \{camera\} in .* got /cam/image_raw'):
        started(cameras='front,left', image='/cam/image_raw')


@pytest.mark.parametrize('names', ['1,2', 'front,', 'front,front', 'left camera'])
def test_names_that_are_no_part_of_a_topic_are_refused(started, names):
    with pytest.raises(ValueError, match=f'cameras: must .*, got {names}'):
        started(cameras=names, image='/{camera}/image_raw')


def test_the_names_of_cameras_may_come_from_the_parameter_file(started):
    path = str(ROOT / 'config' / 'multi_camera.yaml')
    module, context, _ = started(params_file=path, image='{camera}/image', namespace='robot')
    assert 'cameras' not in module.given_parameters(context)
    assert module.cameras(context) == ['front', 'left', 'right']
    assert len(module.remappings(context)) == 3
    assert module.rviz_view(context) == {
        'namespace': '/robot/front', 'remappings': [('image', '/robot/front/image')],
    }  # fmt: skip
    assert module.cameras(started()[1]) == []


@pytest.mark.parametrize(
    ('namespace', 'text', 'names'),
    [
        ('', '/other: {ros__parameters: {cameras: [a]}}\n/**: {ros__parameters: {}}', []),
        (
            '',
            '/**: {ros__parameters: {cameras: [a]}}\nzoedepth: {ros__parameters: {cameras: [b]}}',
            ['b'],
        ),
        ('robot', 'robot: {zoedepth: {ros__parameters: {cameras: [c]}}}', ['c']),
        *((namespace, ROBOTS, names) for namespace, names in (
            ('', []), ('/one', ['a']), ('two/', ['b']), ('one/two', ['c']), ('three', ['d']),
        )),
    ],
)  # fmt: skip
def test_the_sections_of_the_node_name_its_cameras(started, tmp_path, namespace, text, names):
    file = tmp_path / 'node.yaml'
    file.write_text(text)
    module, context, _ = started(
        params_file=str(file), image='{camera}/image', namespace=namespace
    )
    assert module.cameras(context) == names
    context.launch_configurations.update(ros_namespace=namespace, namespace='')
    assert module.cameras(context) == names


def test_a_parameter_file_for_another_namespace_stops_the_start(started, tmp_path):
    file = tmp_path / 'node.yaml'
    file.write_text('zoedepth: {ros__parameters: {depth.rate: 5.0}}')
    started(params_file=str(file))
    with pytest.raises(ValueError, match='expected a section .* or "/robot/zoedepth:"'):
        started(params_file=str(file), namespace='robot')


def test_several_cameras_are_started_through_the_launch_file_of_one():
    module = load('multi_camera')
    described = module.generate_launch_description()
    (include,) = [e for e in described.entities if isinstance(e, actions.IncludeLaunchDescription)]
    own = {argument.name for argument in module.ARGUMENTS}
    assert {name for name, _ in include.launch_arguments} == own
    known = {argument.name for argument in described.get_launch_arguments()}
    assert known == set(ARGUMENTS)


def test_a_missing_parameter_file_stops_the_start(started):
    with pytest.raises(FileNotFoundError, match=r'nowhere\.yaml'):
        started(params_file='/nowhere.yaml')


def test_a_choice_that_is_none_is_refused(started):
    with pytest.raises(RuntimeError, match='sideways'):
        started(router_mode='sideways')


def test_the_node_is_started_again_only_on_request_and_never_at_once(started):
    def node_of(**given):
        (node,) = (
            a
            for a in started(**given)[2]
            if isinstance(a, ros_actions.Node) and a.node_executable == 'depth_node'
        )
        # launch keeps both to itself, under these names since Foxy
        private = '_ExecuteLocal__respawn'
        return getattr(node, private), getattr(node, f'{private}_delay')

    assert node_of() == (False, 5.0)
    assert node_of(respawn='true', respawn_delay='20') == (True, 20.0)
    for wrong in ('0', '-1', 'soon', 'nan', ''):
        with pytest.raises(ValueError, match='respawn_delay: expected 0.1 to 3600 seconds'):
            started(respawn_delay=wrong)


def test_big_messages_are_taken_care_of_unless_the_user_has(started, monkeypatch):
    def variables(started):
        return [a for a in started if isinstance(a, actions.SetEnvironmentVariable)]

    _, context, made = started()
    variables(made)[0].execute(context)
    assert Path(os.environ['FASTDDS_DEFAULT_PROFILES_FILE']).name == 'fastdds.xml'
    assert Path(os.environ['FASTDDS_DEFAULT_PROFILES_FILE']).is_file()
    monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE', '/theirs.xml')
    assert variables(started()[2]) == []


@pytest.fixture
def demo_started():
    """Give a function: launch arguments -> the actions demo.launch.py starts."""

    def start(**given):
        module, context = load('demo'), launch.LaunchContext()
        context.launch_configurations.update(given)
        for argument in module.ARGUMENTS:
            argument.execute(context)
        return module.start(context)

    return start


def test_the_demo_starts_the_source_last_because_launch_leaves_it_after_an_error(demo_started):
    kinds = ros_actions.Node, actions.IncludeLaunchDescription
    node, source = (action for action in demo_started() if isinstance(action, kinds))
    assert isinstance(node, actions.IncludeLaunchDescription)
    assert source.node_executable == 'image_source'


@pytest.mark.parametrize('name', ['rate', 'hfov'])
def test_a_number_that_is_none_stops_the_demo_before_it_starts_anything(demo_started, name):
    with pytest.raises(ValueError, match=f'{name}: expected a number, got quick'):
        demo_started(**{name: 'quick'})
