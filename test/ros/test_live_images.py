import re
import threading

import numpy as np
import pytest
from waiting import PATIENCE_S, wait_until

pytest.importorskip('rclpy', reason='needs ROS 2')

import rclpy
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image

from zoedepth_ros.viewing.live_images import live_images


@pytest.fixture(params=['with each image', 'latched once'])
def camera(ros, request):
    """Publish red images until the test is over, and camera_info with each or once."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = Node('fake_camera', context=context)
    images = node.create_publisher(Image, '/eye/image_raw', 1)
    is_latched = request.param == 'latched once'
    profile = QoSProfile(
        depth=1,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if is_latched else DurabilityPolicy.VOLATILE,
    )
    infos = node.create_publisher(CameraInfo, '/eye/camera_info', profile)
    image = Image(height=8, width=16, encoding='rgb8', step=48)
    image.header.stamp.sec = 77
    image.data.frombytes(np.full((8, 16, 3), (200, 0, 0), np.uint8).tobytes())
    info = CameraInfo(height=8, width=16, k=[20.0, 0, 7.5, 0, 20.0, 3.5, 0, 0, 1.0])
    stop = threading.Event()

    if is_latched:
        infos.publish(info)

    def publish():
        while not stop.wait(0.05):
            if not is_latched:
                infos.publish(info)
            images.publish(image)
            image.header.stamp.sec += 1

    thread = threading.Thread(target=publish)
    thread.start()
    yield
    stop.set()
    thread.join()
    rclpy.shutdown(context=context)


def test_images_come_with_stamp_and_camera(camera):
    found = []
    images = live_images('/eye/image_raw', patience_s=PATIENCE_S)
    wait_until(lambda: found.append(next(images)) or found[-1].camera is not None)
    images.close()
    assert found[-1].rgb[0, 0].tolist() == [200, 0, 0]
    assert found[-1].name == '/eye/image_raw'
    assert 77.0 <= found[-1].time_s < 1e6  # arrived long after 1970
    assert found[-1].camera.intrinsics.fx_px == 20.0


def test_silence_is_an_error_that_lists_the_topics_of_images(camera):
    def complaint():
        with pytest.raises(OSError, match='/nobody is neither a file nor') as caught:
            next(live_images('/nobody', patience_s=0.5))
        return str(caught.value)

    # Until the camera of this test has been found.
    wait_until(lambda: re.search(r'image topics: .*/eye/image_raw', complaint()))


def test_a_topic_of_another_type_is_named(camera):
    with pytest.raises(OSError, match=r'/eye/camera_info: its type is sensor_msgs/msg/CameraInfo'):
        next(live_images('/eye/camera_info', patience_s=PATIENCE_S))


@pytest.fixture
def send(ros):
    """Give a function that publishes an image again and again until the test is over."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = Node('sensor', context=context)
    stop, threads = threading.Event(), []

    def start(topic, msg):
        publisher = node.create_publisher(type(msg), topic, 1)

        def publish():
            while not stop.wait(0.05):
                publisher.publish(msg)

        threads.append(threading.Thread(target=publish))
        threads[-1].start()

    yield start
    stop.set()
    for thread in threads:
        thread.join()
    rclpy.shutdown(context=context)


def deep(values):
    """Make an image of 16 bits whose columns have these values, 11 each."""
    pixels = np.tile(np.repeat(np.array(values, '<u2'), 11), (8, 1))
    height, width = pixels.shape
    msg = Image(height=height, width=width, encoding='mono16', step=2 * width)
    msg.data.frombytes(pixels.tobytes())
    return msg


def test_depth_in_place_of_a_live_image_is_refused_unless_its_bits_are_set(send):
    topic = '/eye/depth/image_raw'
    send(topic, deep([0, 2000, 4095]))
    with pytest.raises(
        OSError, match=f'mono16 on {topic} is treated as depth because of the name'
    ):
        next(live_images(topic, patience_s=PATIENCE_S))
    images = live_images(topic, patience_s=PATIENCE_S, bits=12)
    assert next(images).rgb[0, ::11, 0].tolist() == [0, round(255 * 2000 / 4095), 255]
    images.close()


def test_how_live_images_are_read_is_noted(send):
    send('/eye/image_raw', deep([0, 300, 4095]))
    notes = []
    images = live_images('/eye/image_raw', patience_s=PATIENCE_S, note=notes.append)
    assert next(images).rgb[0, ::11, 0].tolist() == [0, round(255 * 300 / 4095), 255]
    images.close()
    assert '12 significant bits' in notes[0]
    assert any('look like depth' in note for note in notes)


def test_images_without_a_stamp_have_the_time_of_their_arrival(send):
    send('/eye/image_raw', deep([0, 4095]))
    images = live_images('/eye/image_raw', patience_s=PATIENCE_S)
    first, second = next(images), next(images)
    images.close()
    assert 1e9 < first.time_s < second.time_s


def test_an_image_whose_stamp_is_not_later_is_not_shown_as_in_the_node(send):
    class SkippedError(Exception):
        pass

    def note(text):
        if 'is not later than' in text:
            raise SkippedError

    msg = deep([0, 4095])
    msg.header.stamp.sec = 77
    send('/eye/image_raw', msg)
    images = live_images('/eye/image_raw', patience_s=PATIENCE_S, note=note)
    assert next(images).time_s == 77.0
    with pytest.raises(SkippedError):
        next(images)


def test_camera_info_is_taken_before_the_image_that_came_with_it(send, monkeypatch):
    topics = []

    class Recorded(Node):
        def create_subscription(self, kind, topic, *args, **options):
            topics.append(topic)
            return super().create_subscription(kind, topic, *args, **options)

    monkeypatch.setattr('zoedepth_ros.viewing.live_images.Node', Recorded)
    send('/eye/image_raw', deep([0, 4095]))
    images = live_images('/eye/image_raw', patience_s=PATIENCE_S)
    next(images)
    images.close()
    assert [t for t in topics if t.startswith('/eye')] == ['/eye/camera_info', '/eye/image_raw']
