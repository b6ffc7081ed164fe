import cv2
import numpy as np
from constant_network import ConstantNetwork
from listed_samples import ListedSamples, flat_sample

from zoedepth_ros.evaluation.evaluate import evaluate
from zoedepth_ros.evaluation.worst import VIEW_HEIGHT, WorstImages


def _watch(n_kept, depths_m=(2.0, 8.0, 4.0, np.nan)):
    worst = WorstImages(n_kept)
    samples = [flat_sample(f'rgb/{depth_m}.png', depth_m) for depth_m in depths_m]
    network = ConstantNetwork(lambda image, head: np.full((2, 3), 2.0))
    evaluate(network, ListedSamples(samples), observe=worst)
    return worst


def test_the_images_of_largest_relative_error_are_kept_worst_first():
    # predicted 2 m: errors of 0, 6/8 and 2/4; the one without ground truth has none
    names = [scored.sample.name for scored in _watch(2).ranked]
    assert names == ['rgb/8.0.png', 'rgb/4.0.png']


def test_panels_are_written_with_rank_and_name(tmp_path):
    paths = _watch(2).save(tmp_path / 'worst')
    assert [path.name for path in paths] == ['worst_01_rgb_8.0.png', 'worst_02_rgb_4.0.png']
    panel = cv2.imread(str(paths[0]))
    assert VIEW_HEIGHT < panel.shape[0] < 1.3 * VIEW_HEIGHT
    # four views of 4 x 6 at this height and two scales
    assert panel.shape[1] > 4 * VIEW_HEIGHT * 6 / 4


def test_the_error_view_is_red_for_a_wrong_image_and_green_for_a_correct_one(tmp_path):
    wrong, *_, correct = (cv2.imread(str(path)).astype(int) for path in _watch(3).save(tmp_path))
    middle = VIEW_HEIGHT // 2
    last_view = slice(-VIEW_HEIGHT, -VIEW_HEIGHT // 2)  # in the last view, left of its scale
    blue, green, red = wrong[middle, last_view].mean(axis=0)
    assert red > 2 * max(blue, green)
    blue, green, red = correct[middle, last_view].mean(axis=0)
    assert green > 2 * red
