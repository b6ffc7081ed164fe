"""A node in a process of its own, and the camera, subscribers and clients that test it."""

from __future__ import annotations

import array
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from waiting import PATIENCE_S, wait_until

from zoedepth_ros.environment import profile_variables, reserve_domain

HERE = Path(__file__).parent
PROFILE = HERE.parents[1] / 'config' / 'fastdds.xml'
ANY_AGE_S = 600.0
PATIENT = {
    'max_image_age': ANY_AGE_S,
    'diagnostics.warn_no_input': 3600.0,
    'diagnostics.error_no_input': 0.0,
}
"""Parameters of the nodes under test: on a busy machine images may be late [s]."""
RESEND_S = 5.0
"""Time without a response of a service after which the request is sent again [s]."""


def isolate() -> None:
    """Return this process and its children a DDS domain of their own; before rclpy.init."""
    os.environ['ROS_DOMAIN_ID'] = str(reserve_domain())
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    os.environ.update(dict.fromkeys(profile_variables(os.environ), str(PROFILE)))


class NodeProcess:
    """Run the node with a fake predictor in another process."""

    def __init__(
        self,
        parameters: dict[str, object] | None = None,
        remap: dict[str, str] | None = None,
        namespace: str = '',
        environment: dict[str, str] | None = None,
        **fake: object,
    ) -> None:
        ros_args = ['--ros-args']
        for name, value in {**PATIENT, **(parameters or {})}.items():
            ros_args += ['-p', f'{name}:={json.dumps(value)}']
        for old, new in (remap or {}).items():
            ros_args += ['-r', f'{old}:={new}']
        if namespace:
            ros_args += ['-r', f'__ns:={namespace}']
        command = [str(HERE / 'ros_fake_node.py'), *ros_args]
        self._start(command, ZOEDEPTH_FAKE=json.dumps(fake), **(environment or {}))

    def _start(self, arguments: list[str], **environment: str) -> None:
        # Unbuffered, and with every thread's stack on SIGABRT.
        more = {'PYTHONUNBUFFERED': '1', 'PYTHONFAULTHANDLER': '1', **environment}
        # A file, not a pipe: what the node wrote before it published is there when the message is.
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, **more},
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    @property
    def lines(self) -> list[str]:
        size = os.fstat(self._output.fileno()).st_size
        written = os.pread(self._output.fileno(), size, 0).decode(errors='replace')
        return [line.rstrip() for line in written.splitlines()]

    @property
    def log(self) -> str:
        return '\n'.join(self.lines)

    def wait_for_log(self, text: str, count: int = 1) -> None:
        """Wait until the log holds the text so many times."""

        def complaint() -> str:
            return f'{self.log.count(text)} of {count} times {text!r} in:\n{self.log}'

        wait_until(lambda: self.log.count(text) >= count, complaint)

    def stop(self, how: int = signal.SIGINT) -> int:
        """Send a signal and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.wait()

    def wait(self) -> int:
        """Return the exit code once the process has ended."""
        try:
            code = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(PATIENCE_S)
            self.process.kill()
            raise AssertionError(f'no end within {PATIENCE_S} s:\n{self.log}') from None
        return code


def rgb_image(height: int = 48, width: int = 64, value: int | None = None) -> np.ndarray:
    """Return an RGB image: one grey value, or something with structure."""
    if value is not None:
        return np.full((height, width, 3), value, np.uint8)
    v, u = np.mgrid[:height, :width]
    return np.stack((u * 3 % 256, v * 5 % 256, (u + v) * 2 % 256), axis=-1).astype(np.uint8)


def image_message(rgb: np.ndarray, stamp, frame_id: str = 'camera_optical', **fields):
    from sensor_msgs.msg import Image

    msg = Image(height=rgb.shape[0], width=rgb.shape[1], step=rgb.shape[1] * 3, encoding='rgb8')
    msg.data = array.array('B', rgb.tobytes())
    msg.header.stamp, msg.header.frame_id = stamp, frame_id
    for name, value in fields.items():
        setattr(msg, name, value)
    return msg


def camera_info_message(
    height: int = 48, width: int = 64, fx: float = 50.0, fy: float = 52.0, **fields
):
    from sensor_msgs.msg import CameraInfo

    cx, cy = (width - 1) / 2, (height - 1) / 2
    msg = CameraInfo(height=height, width=width, distortion_model='plumb_bob')
    msg.d = [0.0] * 5
    msg.k = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
    msg.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    msg.p = [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    for name, value in fields.items():
        setattr(msg, name, value)
    return msg


def stamp_ns(header) -> int:
    """Return a header's stamp [ns]."""
    return header.stamp.sec * 10**9 + header.stamp.nanosec


LABELS = {1: 'configure', 2: 'cleanup', 3: 'activate', 4: 'deactivate'}
GOALS = {
    'configure': 'inactive',
    'cleanup': 'unconfigured',
    'activate': 'active',
    'deactivate': 'inactive',
}
"""Target states of lifecycle_msgs/Transition; all others are kinds of shutdown."""


def change_state(client, transition_id: int, state: Callable[[], str], label: str = '') -> bool:
    """Request a transition and return whether it worked.

    The response is lost while the node has not discovered this client; the change of its state
    then counts.  state: returns the label of the present one.
    """
    from lifecycle_msgs.srv import ChangeState

    assert client.wait_for_service(PATIENCE_S), f'no service {client.srv_name}'
    request = ChangeState.Request()
    request.transition.id, request.transition.label = transition_id, label
    before, sent = state(), Repeated(client, request)

    def happened() -> bool:
        return (sent.is_overdue() and state() != before) or sent.has_answer()

    wait_until(happened, lambda: f'no answer from {client.srv_name}')
    if sent.has_answer():
        return sent.answer().success
    return state() == GOALS.get(label or LABELS.get(transition_id, ''), 'finalized')


class Repeated:
    """Send a request to a service, again whenever RESEND_S have passed without an answer."""

    def __init__(self, client, request) -> None:
        self._client, self._request = client, request
        self._futures = [client.call_async(request)]
        self._sent_s = time.monotonic()

    def is_overdue(self) -> bool:
        return time.monotonic() - self._sent_s > RESEND_S

    def has_answer(self) -> bool:
        if any(future.done() for future in self._futures):
            return True
        if self.is_overdue():
            self._futures.append(self._client.call_async(self._request))
            self._sent_s = time.monotonic()
        return False

    def answer(self):
        return next(future.result() for future in self._futures if future.done())


class Inbox:
    """Collect the messages of one topic with their times of arrival and publication."""

    def __init__(self) -> None:
        self.messages: list = []
        self.arrived_s: list[float] = []
        self.published_s: list[float] = []

    def add(self, msg, info=None) -> None:
        """info: of the middleware; none on Humble, where the time of arrival stands in."""
        now_s = time.time()
        self.messages.append(msg)
        self.arrived_s.append(now_s)
        self.published_s.append(1e-9 * info['source_timestamp'] if info else now_s)

    def clear(self) -> None:
        self.messages.clear()
        self.arrived_s.clear()
        self.published_s.clear()

    def __len__(self) -> int:
        return len(self.messages)

    @property
    def last(self):
        return self.messages[-1]

    def of(self, stamp: int) -> list:
        """Return the messages of this stamp [ns]."""
        return [msg for msg in list(self.messages) if stamp_ns(msg.header) == stamp]


class Peer:
    """A node in this process, spun by a thread: camera, subscribers, service clients."""

    def __init__(self) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor

        self.target = '/zoedepth'
        self.node = rclpy.create_node('peer')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._stop = threading.Event()
        self._publishers: dict[str, object] = {}
        self._inboxes: list[Inbox] = []
        self._camera: threading.Thread | None = None
        self._camera_stop = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        from rclpy.exceptions import InvalidHandle

        while not self._stop.is_set():
            # Tests destroy subscriptions and publishers while this thread is about to wait for
            # them; of an event of theirs, rclpy then raises.
            with suppress(InvalidHandle):
                self._executor.spin_once(timeout_sec=0.05)

    def close(self) -> None:
        self.forget()
        self._stop.set()
        self._thread.join(PATIENCE_S)
        self._executor.shutdown()
        self.node.destroy_node()

    def now(self):
        return self.node.get_clock().now().to_msg()

    def subscribe(self, kind, topic: str, *, reliable: bool = True) -> Inbox:
        from rclpy.qos import QoSProfile, ReliabilityPolicy
        from rclpy.subscription import Subscription

        chosen = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
        inbox = Inbox()
        profile = QoSProfile(depth=100, reliability=chosen)
        # rclpy passes the info to a callback that requires it.
        has_info = hasattr(Subscription, 'CallbackType')
        add = (lambda msg, info: inbox.add(msg, info)) if has_info else inbox.add
        inbox.subscription = self.node.create_subscription(kind, topic, add, profile)
        self._inboxes.append(inbox)
        return inbox

    def forget(self) -> None:
        """Stop the camera and leave all topics, before the next test."""
        self.stop_camera()
        self.target = '/zoedepth'
        self.__dict__.pop('info_for', None)
        for inbox in self._inboxes:
            self.node.destroy_subscription(inbox.subscription)
        for publisher in self._publishers.values():
            self.node.destroy_publisher(publisher)
        self._inboxes.clear()
        self._publishers.clear()

    def unsubscribe(self, inbox: Inbox) -> None:
        self.node.destroy_subscription(inbox.subscription)
        self._inboxes.remove(inbox)

    def send_until(self, condition: Callable[[], object], make=None) -> None:
        """Publish images with camera_info until the node has discovered all topics and answers."""

        def done() -> object:
            self.send(make)
            return condition()

        wait_until(done, period_s=0.1)

    def exchange(self, *inboxes: Inbox, make=None, header=None) -> list:
        """Publish one image and return the message of its stamp on every inbox.

        Everything that was published there for earlier images has then arrived, too.  Only for
        topics that are due with every image.  header: of an image that was sent already.
        """
        header = self.send(make) if header is None else header
        stamp = stamp_ns(header)

        def missing() -> str:
            got = [len(inbox) for inbox in inboxes]
            return f'no answer to the image {stamp}; messages on each topic: {got}'

        wait_until(lambda: all(inbox.of(stamp) for inbox in inboxes), missing)
        return [inbox.of(stamp)[0] for inbox in inboxes]

    def fresh(self, inbox: Inbox):
        """Return a status that the node made after this call."""
        start_s = time.time()
        # The first may have been made before, and published since.
        wait_until(lambda: sum(at_s > start_s for at_s in list(inbox.published_s)) > 1)
        return inbox.last

    def send(self, make=None):
        """Publish camera_info and an image of the same stamp; return the image's header."""
        msg = image_message(rgb_image(), self.now()) if make is None else make(self)
        self.publish('/camera_info', self.info_for(msg))
        self.publish('/image', msg)
        return msg.header

    def publish(self, topic: str, msg) -> None:
        if topic not in self._publishers:
            self._publishers[topic] = self.node.create_publisher(type(msg), topic, 5)
            publisher = self._publishers[topic]
            wait_until(
                lambda: publisher.get_subscription_count() > 0,
                lambda: f'nobody subscribed to {topic}',
            )
        self._publishers[topic].publish(msg)

    def start_camera(
        self, rate_hz: float, make=lambda peer: image_message(rgb_image(), peer.now())
    ) -> None:
        """Publish images, and camera_info before each, from a thread."""
        self._camera_stop.clear()

        def loop() -> None:
            next_s = time.monotonic()
            while not self._camera_stop.is_set():
                msg = make(self)
                self.publish('/camera_info', self.info_for(msg))
                self.publish('/image', msg)
                now_s = time.monotonic()
                next_s = max(next_s + 1.0 / rate_hz, now_s)  # never catch up with a burst
                time.sleep(next_s - now_s)

        self._camera = threading.Thread(target=loop, daemon=True)
        self._camera.start()

    def info_for(self, image):
        info = camera_info_message(image.height, image.width)
        info.header = image.header
        return info

    def stop_camera(self) -> None:
        if self._camera is not None:
            self._camera_stop.set()
            self._camera.join(PATIENCE_S)
            self._camera = None

    def call(self, kind, name: str, request):
        """Call a service and return the response.

        The request is repeated: a node that has just started may be discovered here before it
        discovers this client, and then its response is lost.
        """
        client = self.node.create_client(kind, name)
        try:
            assert client.wait_for_service(PATIENCE_S), f'no service {name}'
            sent = Repeated(client, request)
            wait_until(sent.has_answer, lambda: f'no answer from {name}', period_s=0.002)
            return sent.answer()
        finally:
            self.node.destroy_client(client)

    def transition(self, transition_id: int, label: str = '') -> bool:
        from lifecycle_msgs.srv import ChangeState

        client = self.node.create_client(ChangeState, f'{self.target}/change_state')
        try:
            return change_state(client, transition_id, self.state, label)
        finally:
            self.node.destroy_client(client)

    def state(self) -> str:
        from lifecycle_msgs.srv import GetState

        return self.call(
            GetState, f'{self.target}/get_state', GetState.Request()
        ).current_state.label

    def set_parameters(self, atomically: bool = False, **values) -> list[str]:
        """Set parameters (dots written as __) and return the reasons of refusal, '' where set."""
        from rcl_interfaces.srv import SetParameters, SetParametersAtomically
        from rclpy.parameter import Parameter

        messages = [
            Parameter(name.replace('__', '.'), value=value).to_parameter_msg()
            for name, value in values.items()
        ]
        if atomically:
            request = SetParametersAtomically.Request(parameters=messages)
            name = f'{self.target}/set_parameters_atomically'
            results = [self.call(SetParametersAtomically, name, request).result]
        else:
            request = SetParameters.Request(parameters=messages)
            results = self.call(SetParameters, f'{self.target}/set_parameters', request).results
        return ['' if result.successful else result.reason or 'refused' for result in results]

    def get_parameter(self, name: str):
        from rcl_interfaces.srv import GetParameters
        from rclpy.parameter import parameter_value_to_python

        request = GetParameters.Request(names=[name])
        answer = self.call(GetParameters, f'{self.target}/get_parameters', request)
        return parameter_value_to_python(answer.values[0])
