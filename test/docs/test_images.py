"""The images of the pages can be rendered."""

import importlib.util
import sys

import cv2
from docs_pages import ROOT
from PIL import Image


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / 'scripts' / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_image_of_the_readme_shows_rows_of_a_room_and_a_street(tmp_path):
    path = tmp_path / 'demo.png'
    assert load('docs_image').main(['--truth', '--height', '96', '--out', str(path)]) == 0
    drawn = cv2.imread(str(path))
    shown = cv2.imread(str(ROOT / 'docs' / 'images' / 'demo.png'))
    assert drawn.shape[0] > 500
    assert shown.shape[0] > 500
    assert drawn[:300].std() > 20
    assert drawn[-300:].std() > 20


def test_the_video_of_the_pages_has_frames_and_can_be_rendered_with_any_weights(tmp_path):
    path = tmp_path / 'trajectory.webp'
    video = load('docs_video')
    assert video.main(['--truth', '--frames', '3', '--height', '48', '--out', str(path)]) == 0
    with (
        Image.open(path) as drawn,
        Image.open(ROOT / 'docs' / 'images' / 'trajectory.webp') as shown,
    ):
        assert drawn.n_frames == 3
        assert shown.n_frames > 20
        assert shown.height > 200
    arguments = ['--weights', 'random', '--model', 'ZoeD_tiny_NK', '--frames', '2']
    assert video.main([*arguments, '--height', '48', '--out', str(path)]) == 0
