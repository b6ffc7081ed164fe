"""camera_info that is latched, or not, and what comes of it: points."""

import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from ros_harness import camera_info_message, image_message, rgb_image, wait_until
from sensor_msgs.msg import CameraInfo, PointCloud2

VOLATILE = QoSProfile(depth=1)
LATCHED = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


class Robot:
    """A node in another process, its camera_info driver and a subscriber of its points."""

    def __init__(self, peer, start):
        self.peer, self._start = peer, start
        self.driver = self.points = None

    def start_node(self):
        self._start()
        self.subscribe()

    def subscribe(self):
        self.points = self.peer.subscribe(PointCloud2, '/depth/points')

    def start_driver(self, profile):
        self.driver = self.peer.node.create_publisher(CameraInfo, '/camera_info', profile)

    def send_info(self, fx):
        self.driver.publish(camera_info_message(fx=fx))

    def wait_for_subscribers(self, *, some):
        wait_until(lambda: bool(self.driver.get_subscription_count()) == some)

    def cloud(self, repeated_fx=None):
        """Send images until one becomes points.

        repeated_fx: focal length of a camera_info sent with each, as volatile drivers do; the
        first may come before both ends know of each other.
        """
        self.points.clear()

        def points():
            if repeated_fx is not None:
                self.send_info(repeated_fx)
            self.peer.publish('/image', image_message(rgb_image(), self.peer.now()))
            return self.points

        wait_until(points)
        return bytes(self.points.last.data)

    def stop_driver(self):
        if self.driver is not None:
            self.peer.node.destroy_publisher(self.driver)
            self.driver = None


@pytest.fixture
def robot(peer, start):
    made = Robot(peer, start)
    yield made
    made.stop_driver()


@pytest.mark.parametrize(
    ('before', 'after'), [(VOLATILE, LATCHED), (LATCHED, VOLATILE), (LATCHED, LATCHED)]
)
def test_a_driver_that_starts_again_with_any_durability_is_followed(robot, before, after):
    robot.start_node()
    robot.start_driver(before)
    if before is LATCHED:
        robot.send_info(40.0)
    narrow = robot.cloud(None if before is LATCHED else 40.0)
    assert robot.cloud() == narrow  # the images are the same: only the camera makes a difference
    robot.stop_driver()
    robot.start_driver(after)
    if after is LATCHED:
        robot.send_info(80.0)
    wait_until(lambda: robot.cloud(None if after is LATCHED else 80.0) != narrow)


def test_what_was_latched_while_nobody_needed_the_camera_is_fetched(robot):
    robot.start_driver(LATCHED)
    robot.send_info(40.0)
    robot.start_node()
    narrow = robot.cloud()
    robot.peer.unsubscribe(robot.points)
    robot.wait_for_subscribers(some=False)
    robot.send_info(80.0)
    robot.subscribe()
    wait_until(lambda: robot.cloud() != narrow)
