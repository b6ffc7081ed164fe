"""What the node reports without input: by the graph, in the status, diagnostics and log."""

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import QoSProfile, ReliabilityPolicy
from ros_harness import wait_until
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String
from zoedepth_ros.msg import Status

BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
SOON = {'diagnostics.warn_no_input': 0.2, 'diagnostics.error_no_input': 0.0, 'device': 'cpu'}


@pytest.fixture
def offer(peer):
    """Give a function that offers a topic from another node than ours, until the test ends."""
    made = []

    def publisher(kind, topic):
        made.append(peer.node.create_publisher(kind, topic, 1))
        return made[-1]

    yield publisher
    for one in made:
        peer.node.destroy_publisher(one)


@pytest.fixture
def hints(peer, start):
    """Give a function: parameters, remappings -> a node without images, its status and log."""

    def begin(parameters=None, **options):
        node = start({**SOON, **(parameters or {})}, weights_warning='', **options)
        status = peer.subscribe(Status, '/zoedepth/status')
        diagnostics = peer.subscribe(DiagnosticArray, '/diagnostics')
        peer.subscribe(Image, '/depth/image')

        def expect(text):
            wait_until(
                lambda: status and text in status.last.notices,
                message=lambda: f'{text!r} is not in {[m.notices for m in status.messages[-1:]]}',
            )
            node.wait_for_log(text)
            wait_until(
                lambda: any(
                    text == pair.value
                    for message in diagnostics.messages
                    for pair in message.status[0].values
                )
            )
            return status, node

        return expect

    return begin


IMAGES = (
    'there are no image topics: check that the driver runs with the same ROS_DOMAIN_ID as '
    'this node'
)


def test_without_any_camera_it_reports_it_and_once_in_the_log(hints):
    expect = hints()
    status, node = expect(f'/image has no publisher; {IMAGES}')
    expect(
        '/camera_info has no publisher; there are no camera_info topics: check that the '
        'driver runs with the same ROS_DOMAIN_ID as this node'
    )
    count = len(status)
    wait_until(lambda: len(status) > count + 2)
    node.wait_for_log(IMAGES)
    assert node.log.count(IMAGES) == 1


def test_similar_names_are_named_and_none_of_the_nodes_own(hints, offer):
    offer(Image, '/cam/image_raw')
    offer(Image, '/arm/mask')
    offer(String, '/cam/image')
    offer(CameraInfo, '/cam/camera_info')
    expect = hints(remap={'image': '/camera/image_raw'})
    expect('/camera/image_raw has no publisher; topics with a similar name are /cam/image_raw')
    expect('/camera/camera_info has no publisher; topics with a similar name are /cam/camera_info')


def test_where_nothing_is_similar_all_image_topics_are_named(hints, offer):
    offer(Image, '/video')
    offer(CompressedImage, '/gripper/view/compressed')
    expect = hints(remap={'image': '/x'})
    expect('/x has no publisher; image topics are: /gripper/view/compressed, /video')


def test_compressed_images_beside_the_topic_are_pointed_at(hints, offer):
    offer(CompressedImage, '/cam/image/compressed')
    expect = hints(remap={'image': '/cam/image'})
    expect(
        '/cam/image has no publisher; /cam/image/compressed has messages of type CompressedImage: '
        'set image_transport:=compressed'
    )


def test_raw_images_beside_the_topic_are_pointed_at(hints, offer):
    offer(Image, '/cam/image')
    expect = hints({'image_transport': 'compressed'}, remap={'image': '/cam/image'})
    expect(
        '/cam/image/compressed has no publisher; /cam/image has messages of type Image: '
        'set image_transport:=raw'
    )


@pytest.mark.parametrize(
    ('kind', 'topic', 'transport', 'text'),
    [
        (
            CompressedImage,
            '/cam/compressed',
            'raw',
            'sensor_msgs/msg/CompressedImage, expected sensor_msgs/msg/Image: '
            'set image_transport:=compressed',
        ),
        (
            CompressedImage,
            '/jpeg',
            'raw',
            'sensor_msgs/msg/CompressedImage, expected sensor_msgs/msg/Image: '
            'set image_transport:=compressed and remap image/compressed:=/jpeg',
        ),
        (
            Image,
            '/cam/compressed',
            'compressed',
            'sensor_msgs/msg/Image, expected sensor_msgs/msg/CompressedImage: '
            'set image_transport:=raw',
        ),
        (String, '/image', 'raw', 'std_msgs/msg/String, expected sensor_msgs/msg/Image'),
    ],
)
def test_a_topic_of_another_type_is_named_with_both(hints, offer, kind, topic, transport, text):
    offer(kind, topic)
    expect = hints({'image_transport': transport}, remap={'image': topic})
    expect(f'{topic} has type {text}')


def test_a_publisher_that_sends_nothing_is_named(hints, offer):
    offer(Image, '/image')
    offer(CameraInfo, '/camera_info')
    expect = hints()
    expect(
        '/image: published by /peer, but nothing arrives: the driver publishes no images, or '
        'the images are lost on the way: start the driver with the Fast DDS profile too '
        '(docs/transport.md)'
    )
    expect(
        '/camera_info: published by /peer, but nothing arrives: a driver that publishes '
        'camera_info only once must publish with durability transient_local (latched)'
    )


@pytest.mark.parametrize(('kind', 'topic'), [(Image, '/image'), (CameraInfo, '/camera_info')])
def test_two_publishers_of_one_input_are_reported(hints, offer, kind, topic):
    for _ in range(2):
        offer(kind, topic)
    hints()(
        f'{topic} has 2 publishers (/peer): if the publishers are different cameras, '
        'the node mixes images of these cameras'
    )


def test_what_comes_after_all_is_no_longer_missed_and_an_assumed_camera_never_is(
    peer, hints, offer
):
    expect = hints({'camera.hfov': 1.0})
    status, node = expect(f'/image has no publisher; {IMAGES}')
    assert not any('/camera_info' in notice for notice in status.last.notices)
    peer.start_camera(10.0)
    wait_until(lambda: not any('/image' in notice for notice in status.last.notices))
    assert '/camera_info' not in node.log
