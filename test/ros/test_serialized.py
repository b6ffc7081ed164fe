"""Serialised messages are read by the middleware as the messages that they stand for."""

import array

import numpy as np
import pytest
import rclpy
from builtin_interfaces.msg import Time
from rclpy._rclpy_pybind11 import InvalidHandle, RCLError
from rclpy.lifecycle import LifecycleNode
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image, PointCloud2, PointField
from std_msgs.msg import Header
from waiting import wait_until

from zoedepth_ros.ros import publishers
from zoedepth_ros.ros.publishers import HEADROOM_BYTES, SerializedMessage

FRAMES = [
    '',
    'a',
    'ab',
    'abc',
    'abcd',
    'camera_optical_frame',
    'Kamera für vorn',
    'x' * HEADROOM_BYTES,
]


def header(frame_id='camera'):
    return Header(stamp=Time(sec=-5, nanosec=999_999_999), frame_id=frame_id)


def of(kind, message):
    return deserialize_message(message.serialized().tobytes(), kind)


@pytest.mark.parametrize('encoding', ['32FC1', '16UC1', 'bgr8'])
@pytest.mark.parametrize('frame_id', FRAMES)
def test_an_image_is_read_as_it_was_meant(frame_id, encoding):
    fields = {
        'header': header(frame_id),
        'height': 3,
        'width': 5,
        'encoding': encoding,
        'is_bigendian': True,
        'step': 7,
        'data': array.array('B', range(21)),
    }
    assert of(Image, SerializedMessage(Image, **fields)) == Image(**fields)


@pytest.mark.parametrize('n_fields', [0, 3, 4])
@pytest.mark.parametrize('is_dense', [False, True])
@pytest.mark.parametrize('frame_id', FRAMES)
def test_a_cloud_is_read_as_it_was_meant(frame_id, is_dense, n_fields):
    names = ('x', 'y', 'z', 'reflectivity')[:n_fields]
    fields = {
        'header': header(frame_id),
        'height': 2,
        'width': 1,
        'is_bigendian': False,
        'point_step': 16,
        'row_step': 16,
        'fields': [
            PointField(name=name, offset=4 * i, datatype=7, count=i + 1)
            for i, name in enumerate(names)
        ],
        'is_dense': is_dense,
        'data': array.array('B', range(32)),
    }
    assert of(PointCloud2, SerializedMessage(PointCloud2, **fields)) == PointCloud2(**fields)


def test_an_empty_image_and_an_empty_cloud_are_read():
    for kind in (Image, PointCloud2):
        assert of(kind, SerializedMessage(kind, header=header())) == kind(header=header())


def test_what_is_written_into_the_data_and_the_fields_later_is_sent():
    message = SerializedMessage(
        Image, header=header('one'), height=1, width=4, step=4, data=bytes(4)
    )
    assert of(Image, message).data.tolist() == [0, 0, 0, 0]
    np.frombuffer(message.data, np.uint8)[:] = (1, 2, 3, 4)
    message.header = header('another_frame')
    read = of(Image, message)
    assert (read.header.frame_id, read.data.tolist()) == ('another_frame', [1, 2, 3, 4])
    message.data = bytes(2)
    message.width = 2
    assert (of(Image, message).width, of(Image, message).data.tolist()) == (2, [0, 0])


@pytest.fixture
def topic(ros):
    """Yield a lifecycle publisher of images and the list of what is received.

    It has a context of its own: the tests of this process share the default one.
    """
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    node = LifecycleNode('sender', context=context)
    publisher = node.create_lifecycle_publisher(Image, 'image', 5)
    received = []
    node.create_subscription(Image, 'image', received.append, 5)
    executor = rclpy.executors.SingleThreadedExecutor(context=context)
    executor.add_node(node)
    wait_until(lambda: publisher.get_subscription_count() == 1)
    yield publisher, received, lambda: executor.spin_once(timeout_sec=0.05), context
    executor.shutdown()
    node.destroy_node()
    context.try_shutdown()


@pytest.mark.parametrize('has_rcl', [True, False])
def test_a_subscriber_receives_what_was_sent(topic, has_rcl, monkeypatch):
    if not has_rcl:
        monkeypatch.setattr(publishers, '_rcl', lambda: None)
    assert (publishers._rcl() is not None) is has_rcl
    publisher, received, spin, _ = topic
    publisher.on_activate(None)
    values = np.arange(640 * 480, dtype=np.float32)
    message = SerializedMessage(
        Image, header=header(), height=480, width=640, encoding='32FC1', step=2560, data=values
    )
    message.publish(publisher)
    wait_until(lambda: (spin(), received)[1])
    assert received == [of(Image, message)]
    np.testing.assert_array_equal(np.frombuffer(received[0].data, np.float32), values)


def test_a_publisher_that_is_not_active_sends_nothing(topic):
    publisher, received, spin, _ = topic
    message = SerializedMessage(Image, header=header('inactive'), data=b'')
    message.publish(publisher)
    publisher.on_activate(None)
    message.header = header('active')
    message.publish(publisher)
    wait_until(lambda: (spin(), received)[1])
    assert [msg.header.frame_id for msg in received] == ['active']


def test_after_the_shutdown_of_ros_publishing_fails_as_that_of_a_message_does(topic):
    publisher, _, _, context = topic
    publisher.on_activate(None)
    rclpy.shutdown(context=context)
    message = SerializedMessage(Image, header=header(), data=b'')
    gone = (RCLError, InvalidHandle)  # since Kilted the node is destroyed, too
    with pytest.raises(gone) as ours:
        message.publish(publisher)
    with pytest.raises(gone) as theirs:
        publisher.publish(of(Image, message))
    assert (type(ours.value), str(ours.value)) == (type(theirs.value), str(theirs.value))
