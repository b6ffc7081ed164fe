"""The images of the pages can be rendered."""

import cv2
import docs_image
import docs_video
from docs_pages import ROOT
from PIL import Image


def test_the_image_of_the_readme_shows_rows_of_a_room_and_a_street(tmp_path):
    path = tmp_path / 'demo.png'
    assert docs_image.main(['--truth', '--height', '96', '--out', str(path)]) == 0
    rendered = cv2.imread(str(path))
    shown = cv2.imread(str(ROOT / 'docs' / 'images' / 'demo.png'))
    assert rendered.shape[0] > 500
    assert shown.shape[0] > 500
    assert rendered[:300].std() > 20
    assert rendered[-300:].std() > 20


def test_the_video_of_the_pages_has_frames_and_can_be_rendered_with_any_weights(tmp_path):
    path = tmp_path / 'trajectory.webp'
    assert docs_video.main(['--truth', '--frames', '3', '--height', '48', '--out', str(path)]) == 0
    with (
        Image.open(path) as rendered,
        Image.open(ROOT / 'docs' / 'images' / 'trajectory.webp') as shown,
    ):
        assert rendered.n_frames == 3
        assert shown.n_frames > 20
        assert shown.height > 200
    arguments = ['--weights', 'random', '--model', 'ZoeD_tiny_NK', '--frames', '2']
    assert docs_video.main([*arguments, '--height', '48', '--out', str(path)]) == 0
