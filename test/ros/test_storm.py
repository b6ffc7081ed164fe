"""Settings that change all the time: every image is made of one set of them."""

import numpy as np
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from ros_harness import Repeated
from sensor_msgs.msg import Image, PointCloud2
from waiting import PATIENCE_S, wait_until
from zoedepth_ros.msg import Status


def metres(msg):
    """Give the depth of a constant depth image."""
    values = np.unique(np.frombuffer(msg.data, np.float32))
    assert len(values) == 1
    return float(values[0])


def cloud_metres(msg):
    values = np.unique(np.frombuffer(msg.data, np.float32).reshape(-1, 4)[:, 2])
    assert len(values) == 1
    return float(values[0])


def test_thousands_of_changes_stop_neither_the_stream_nor_the_node(peer, start):
    """Thirty requests of a hundred changes each, all under way while images go on."""
    node = start({'cloud.rate': 0.0, 'device': 'cpu'})
    depth = peer.subscribe(Image, '/depth/image')
    cloud = peer.subscribe(PointCloud2, '/depth/points')
    status = peer.subscribe(Status, '/zoedepth/status')
    peer.send_until(lambda: depth and cloud)
    client = peer.node.create_client(SetParameters, '/zoedepth/set_parameters')
    assert client.wait_for_service(PATIENCE_S)
    first = Repeated(client, SetParameters.Request())
    wait_until(first.has_answer)  # so the node knows this client
    answers = []
    for round_ in range(30):
        values = [float(1 + (round_ + i) % 2) for i in range(100)]
        request = SetParameters.Request(
            parameters=[Parameter('depth.scale', value=v).to_parameter_msg() for v in values]
        )
        answers.append(client.call_async(request))
        in_image, in_cloud = peer.exchange(depth, cloud)
        assert metres(in_image) == cloud_metres(in_cloud)
        assert metres(in_image) in (2.0, 4.0)
    wait_until(lambda: all(answer.done() for answer in answers))
    peer.node.destroy_client(client)
    assert all(r.successful for answer in answers for r in answer.result().results)
    assert peer.get_parameter('depth.scale') == values[-1]
    assert peer.fresh(status).state == Status.STATE_WORKING
    assert node.process.poll() is None
