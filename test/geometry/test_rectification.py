"""Rectified or raw: whole words of the topic's name, and what camera_info alone shows."""

import pytest

from zoedepth_ros.geometry.rectification import choose_rectification

K = (300.0, 0.0, 320.0, 0.0, 300.0, 240.0, 0.0, 0.0, 1.0)
SAME_P = (300.0, 0.0, 320.0, 0.0, 0.0, 300.0, 240.0, 0.0, 0.0, 0.0, 1.0, 0.0)
OTHER_P = (330.0, 0.0, 320.0, -33.0, 0.0, 330.0, 240.0, 0.0, 0.0, 0.0, 1.0, 0.0)
LENS, NO_LENS = (-0.2, 0.1, 0.0, 0.0, 0.0), (0.0,) * 5


@pytest.mark.parametrize(
    'topic',
    [
        '/camera/image_rect',
        '/camera/image_rect_color',
        '/camera/image_rect/compressed',
        '/cam/color/rect/image',
        '/zed/zed_node/left/color/rect/image/compressed',
        '/camera/infra1/image_rect_raw',  # RealSense: rectified, not processed further
        '/rect/left/image',
        '/stereo/rectified_left/image',
        '/left/image_undistorted',
        '/raw_data/camera/image_rect',
        '/left/image_rect2',
    ],
)
def test_a_whole_word_of_a_segment_means_that_images_are_rectified(topic):
    reading = choose_rectification('auto', topic, k=K, d=LENS, p=OTHER_P)
    assert reading.rectified
    assert topic in reading.text


@pytest.mark.parametrize(
    'topic',
    [
        '/camera/image_raw',
        '/camera/image_raw/compressed',
        '/camera/image',
        '/camera/direct',
        '/camera/image_corrected',
        '/camera/director/image',
        '/rectangle/image',
        '/camera/rectangular_image',
        '/camera/image_unrectified',
        '/rect/camera/image_raw',  # the segment nearest to the end counts
        '',
    ],
)
def test_rect_as_a_part_of_another_word_means_nothing(topic):
    assert not choose_rectification('auto', topic, k=K, d=LENS, p=OTHER_P).rectified


@pytest.mark.parametrize('topic', ['/camera/image_raw', '/camera/image', '/camera/image_rect'])
def test_where_d_is_zero_and_p_equals_k_both_readings_are_the_same_and_nothing_is_guessed(topic):
    reading = choose_rectification('auto', topic, k=K, d=NO_LENS, p=SAME_P)
    assert 'the same' in reading.text
    assert not reading.is_guess


def test_p_equal_to_k_with_distortion_leaves_the_decision_to_the_topic():
    assert not choose_rectification('auto', '/camera/image', k=K, d=LENS, p=SAME_P).rectified
    assert choose_rectification('auto', '/camera/image_rect', k=K, d=LENS, p=SAME_P).rectified


def test_two_projections_without_distortion_and_without_a_word_are_a_guess():
    assert choose_rectification('auto', '/camera/image', k=K, d=NO_LENS, p=OTHER_P).is_guess
    assert not choose_rectification(
        'auto', '/camera/image_raw', k=K, d=NO_LENS, p=OTHER_P
    ).is_guess
    assert not choose_rectification('auto', '/camera/image', k=K, d=LENS, p=OTHER_P).is_guess
    assert not choose_rectification('raw', '/camera/image', k=K, d=NO_LENS, p=OTHER_P).is_guess


def test_an_empty_p_is_not_read():
    assert not choose_rectification(
        'auto', '/camera/image_rect', k=K, d=NO_LENS, p=(0.0,) * 12
    ).rectified


@pytest.mark.parametrize(('choice', 'expected'), [('rectified', True), ('raw', False)])
def test_what_is_configured_stands_above_everything(choice, expected):
    for topic in ('/camera/image_raw', '/camera/image_rect'):
        assert choose_rectification(choice, topic, k=K, d=NO_LENS, p=SAME_P).rectified is expected
