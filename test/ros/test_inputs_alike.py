"""The node and the commands read the same camera_info in the same way."""

import bags
import numpy as np
import pytest
from ros_harness import camera_info_message

pytest.importorskip('mcap', reason='pip install mcap')
pytest.importorskip('rosbags', reason='pip install rosbags')

from zoedepth_ros.ros.camera import CameraKeeper
from zoedepth_ros.ros.parameters import settings_from
from zoedepth_ros.viewing.sources import recording_frames

K_PX, P_PX = 50.0, 55.0


@pytest.mark.parametrize('choice', ['auto', 'rectified', 'raw'])
@pytest.mark.parametrize(
    ('topic', 'says_rectified'),
    [
        ('/cam/color/rect/image', True),
        ('/cam/image_rect_color', True),
        ('/cam/direct/image', False),
        ('/cam/image_raw', False),
    ],
)
def test_node_and_viewer_take_the_same_projection(tmp_path, topic, says_rectified, choice):
    info = f'{topic.rpartition("/")[0]}/camera_info'
    messages = [
        bags.camera_info(10**18, focal_px=K_PX, rectified_focal_px=P_PX, topic=info),
        bags.image(bags.picture(0), 10**18, topic),
    ]
    source = bags.write_mcap(tmp_path / 'in.mcap', messages)
    notes = []
    (frame,) = recording_frames(source, rectified=choice, note=notes.append)
    msg = camera_info_message(fx=K_PX, fy=K_PX)
    msg.p[0] = msg.p[5] = P_PX
    keeper = CameraKeeper(topic)
    keeper.set_info(msg)
    camera = keeper.camera(48, 64, settings_from({'camera.rectified': choice}))
    takes_p = choice == 'rectified' or (choice == 'auto' and says_rectified)
    for model in (frame.camera, camera.model):
        expected = P_PX if takes_p else K_PX
        np.testing.assert_array_equal(
            model.intrinsics.matrix(), [[expected, 0, 31.5], [0, expected, 23.5], [0, 0, 1]]
        )
    assert notes == [camera.reading.text]
