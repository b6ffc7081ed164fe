"""The real node with networks of others: metres over DDS, by arithmetic beside."""

import functools
import signal

import numpy as np
import pytest
from ros_harness import ANY_AGE_S, image_message
from ros_tool import ToolProcess

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

from foreign_network import contract, image, write_network
from sensor_msgs.msg import Image, PointCloud2
from zoedepth_ros.msg import Domain, Status

RED, GREEN, BLUE = 200 / 255, 100 / 255, 50 / 255  # of `image`
FX, FY = 50.0, 52.0  # of the harness's camera, 64 x 48
V, U = np.mgrid[:48, :64]
COSINE = 1.0 / np.sqrt(1.0 + ((U - 31.5) / FX) ** 2 + ((V - 23.5) / FY) ** 2)


@pytest.fixture
def node(ros):
    started = []

    def start_node(path, **parameters):
        plain = {'weights': str(path), 'device': 'cpu', 'max_image_age': ANY_AGE_S}
        started.append(ToolProcess('ros.main', **{**plain, **parameters}))
        return started[-1]

    yield start_node
    for process in started:
        process.stop(signal.SIGINT)
        assert 'Traceback' not in process.log, process.log


def pixels(msg):
    return np.frombuffer(msg.data, np.float32).reshape(msg.height, msg.width)


def test_canonical_depth_along_the_ray_of_a_bgr_network_is_metres_along_z(peer, node, tmp_path):
    made = contract(
        input__color='BGR',
        depth__kind='canonical',
        depth__along='ray',
        depth__focal={'canonical': 30, 'pixels': 'network', 'axis': 'mean'},
        spread={'output': 'std'},
    )
    outputs = {'depth': ((1.0, 2.0, 4.0), 1.0), 'std': ((0.0, 0.0, 1.0), 0.0)}
    started = node(write_network(tmp_path / 'net.onnx', made, outputs), **{'cloud.rate': 0.0})
    depth = peer.subscribe(Image, '/depth/image')
    spread = peer.subscribe(Image, '/depth/uncertainty')
    cloud = peer.subscribe(PointCloud2, '/depth/points')
    domain, status = peer.subscribe(Domain, '/domain'), peer.subscribe(Status, '/zoedepth/status')
    started.wait_for_log('active')
    make = functools.partial(image_message, image())
    peer.send_until(
        lambda: depth and spread and cloud and domain and status,
        make=lambda p: make(p.now()),
    )
    focal = 0.5 * (FX + FY) * 0.5 / 30  # the input has half the pixels of the image
    distance_m = (1.0 * BLUE + 2.0 * GREEN + 4.0 * RED + 1.0) * focal
    np.testing.assert_allclose(pixels(depth.last), distance_m * COSINE, rtol=2e-5)
    np.testing.assert_allclose(pixels(spread.last), RED * focal * COSINE, rtol=2e-5)
    points = np.frombuffer(cloud.last.data, np.float32).reshape(-1, 4)[:, :3]
    found_m = np.linalg.norm(points, axis=1)
    np.testing.assert_allclose(found_m[np.isfinite(found_m)], distance_m, rtol=1e-4)
    assert (domain.last.head, domain.last.forced) == ('any', True)
    assert 'net.onnx (onnxruntime), licence MIT' in status.last.weights
