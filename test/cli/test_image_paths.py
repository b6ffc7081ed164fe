"""Which files are images, and that results have different names."""

from pathlib import Path

import pytest

from zoedepth_ros.cli.image_paths import find_images, output_names, unreadable


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def names_in(folder):
    return [path.name for path in find_images([str(folder)])]


def test_a_folder_means_the_images_in_it(tmp_path):
    touch(tmp_path, 'b.JPG', 'a.png', 'notes.txt', '.hidden.png', 'deeper/c.png')
    assert names_in(tmp_path) == ['a.png', 'b.JPG']


def test_a_named_file_is_accepted_with_any_suffix(tmp_path):
    assert find_images([f'{tmp_path}/x.cam']) == [tmp_path / 'x.cam']


@pytest.mark.parametrize('name', ['x.png', 'x_depth.png'])
def test_a_name_that_no_disk_takes_is_reported_beside_the_others(tmp_path, name):
    touch(tmp_path, 'a.png')
    paths = find_images([f'{tmp_path}/a.png', 300 * 'x' + name])
    assert unreadable(paths) == {paths[1]: 'File name too long'}


def test_a_missing_image_named_like_depth_is_reported_beside_the_others(tmp_path):
    touch(tmp_path, 'a.png', 'b_depth.npy')
    paths = find_images([f'{tmp_path}/a.png', f'{tmp_path}/b_depth.png'])
    assert unreadable(paths) == {paths[1]: 'no such file'}


def test_a_link_to_a_missing_image_in_a_folder_is_reported(tmp_path):
    touch(tmp_path, 'a.png')
    (tmp_path / 'b.png').symlink_to('nowhere')
    paths = find_images([str(tmp_path)])
    assert unreadable(paths) == {tmp_path / 'b.png': 'no such file'}


def test_results_of_an_earlier_run_are_not_images(tmp_path):
    touch(tmp_path, 'a.png', 'a_depth.png', 'a_depth.npy', 'a_color.png', 'a.ply')
    touch(tmp_path, 'true_color.png', 'my_depth.png')
    assert names_in(tmp_path) == ['a.png', 'my_depth.png', 'true_color.png']


def test_a_folder_without_images_is_an_error_that_names_it(tmp_path):
    touch(tmp_path, 'notes.txt')
    with pytest.raises(ValueError, match=str(tmp_path)):
        find_images([str(tmp_path)])


def test_an_image_named_twice_is_used_once(tmp_path):
    touch(tmp_path, 'a.png')
    assert find_images([str(tmp_path), f'{tmp_path}/a.png']) == [tmp_path / 'a.png']


@pytest.mark.parametrize(
    ('paths', 'expected'),
    [
        (['a.png', 'b.png'], ['a', 'b']),
        (['left/a.png', 'right/a.png', 'b.png'], ['left_a', 'right_a', 'b']),
        (['in/a.png', 'in/a.jpg'], ['a_png', 'a_jpg']),
        (['x/in/a.png', 'y/in/a.png'], ['a_png', 'a_png_2']),
        (['left/a.png', 'right/a.png', 'left_a.png'], ['left_a', 'right_a', 'left_a_2']),
    ],
)
def test_results_have_the_name_of_the_image_and_differ(paths, expected):
    assert output_names([Path(path) for path in paths]) == expected


def test_no_number_is_used_twice():
    paths = [Path(p) for p in ('x/in/a.png', 'y/in/a.png', 'z/a_png_2.png', 'z/in/a.png')]
    names = output_names(paths)
    assert len(set(names)) == 4


def test_a_named_depth_of_an_earlier_run_is_rejected(tmp_path):
    touch(tmp_path, 'a.png', 'a_depth.png', 'a_depth.npy', 'my_depth.png')
    assert find_images([f'{tmp_path}/my_depth.png']) == [tmp_path / 'my_depth.png']
    with pytest.raises(ValueError, match=r'a_depth\.png: the file is depth of an earlier run'):
        find_images([f'{tmp_path}/a_depth.png'])
