"""Over DDS, from another process: rates, ages and bad images of a stream."""

import array

from diagnostic_msgs.msg import DiagnosticArray
from ros_harness import ANY_AGE_S, image_message, rgb_image, wait_until
from sensor_msgs.msg import Image, PointCloud2
from zoedepth_ros.msg import Domain, Status


def drops_of(status):
    return {drop.reason: drop.count for drop in status.drops}


def test_a_slow_rate_of_one_output_holds_back_no_other(peer, start):
    start({'depth.rate': 1e-4, 'cloud.rate': 0.0, 'router.rate': 0.0})
    depth = peer.subscribe(Image, '/depth/image')
    cloud = peer.subscribe(PointCloud2, '/depth/points')
    domain = peer.subscribe(Domain, '/domain')
    peer.send_until(lambda: cloud and domain)
    for _ in range(5):
        peer.exchange(cloud, domain)
    assert len(depth) <= 1  # once in 10,000 s
    assert peer.set_parameters(depth__rate=0.0) == ['']
    peer.exchange(depth)
    assert len(depth) <= 2


def test_a_slow_network_never_builds_a_queue(peer, start, hold):
    """The network works on one image as long as the test likes, while others come."""
    node = start(hold=str(hold))
    depth = peer.subscribe(Image, '/depth/image')
    status = peer.subscribe(Status, '/zoedepth/status')
    at_work = 'network: 1 at once'
    peer.send_until(lambda: at_work in node.log)
    received = peer.fresh(status).received
    last = None
    for count in range(1, 5):
        last = peer.send()
        wait_until(lambda count=count: status.last.received >= received + count)
    assert len(depth) == 0
    hold.unlink()
    peer.exchange(depth, header=last)
    assert len(depth) == 2
    assert drops_of(peer.fresh(status))['superseded by a newer image'] >= 3
    node.wait_for_log(at_work, 2)
    assert node.log.count(at_work) == 2


def test_every_bad_image_is_dropped_counted_and_survived(peer, start):
    node = start({'max_image_age': ANY_AGE_S})
    depth = peer.subscribe(Image, '/depth/image')
    status = peer.subscribe(Status, '/zoedepth/status')
    diagnostics = peer.subscribe(DiagnosticArray, '/diagnostics')
    peer.send_until(lambda: depth and status and diagnostics)
    peer.exchange(depth)
    sent, published = [0], len(depth)

    def faults():
        counted = drops_of(status.last)
        counted.pop('superseded by a newer image', None)
        return counted

    def bad(msg):
        peer.publish('/image', msg)
        sent[0] += 1
        wait_until(lambda: sum(faults().values()) == sent[0], lambda: f'{faults()}')

    def made(**fields):
        return image_message(rgb_image(), peer.now(), **fields)

    bad(made(encoding='32FC1'))
    bad(made(encoding='nonsense'))
    bad(made(data=array.array('B', bytes(100))))
    bad(made(step=3))
    bad(made(height=0, data=array.array('B')))
    old = made()
    old.header.stamp.sec -= 2 * int(ANY_AGE_S)
    bad(old)
    bad(image_message(rgb_image(value=0), peer.now()))
    assert faults() == {
        'depth, not an image': 1,
        'unknown encoding': 1,
        'wrong data length': 2,
        'zero size': 1,
        'too old': 1,
        'inference failed': 1,
    }
    wait_until(lambda: any(array.status[0].level == b'\x01' for array in diagnostics.messages))
    for text in ('32FC1 is depth', "'nonsense'", '100 bytes', '0 px', 's old', 'a black image'):
        node.wait_for_log(text)
    peer.exchange(depth)
    assert len(depth) == published + 1
