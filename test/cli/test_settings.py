"""Settings of the node in commands."""

import argparse

from zoedepth_ros.cli.settings import add_settings, settings_of


def settings_by(tmp_path, text):
    path = tmp_path / 'node.yaml'
    path.write_text(f'/**:\n  ros__parameters:\n{text}')
    parser = argparse.ArgumentParser()
    add_settings(parser)
    return settings_of(parser.parse_args(['--params-file', str(path), '--depth-min', '0.5']))


def test_an_option_wins_over_the_parameter_file(tmp_path):
    settings = settings_by(tmp_path, '    depth.min: 0.2\n    depth.max: 4.0\n')
    assert (settings.depth_min_m, settings.depth_max_m) == (0.5, 4.0)


def test_a_frame_of_tf_in_the_parameter_file_is_reported_as_unused(tmp_path, capsys):
    settings_by(tmp_path, '    camera.base_frame: base_link\n')
    assert 'camera.base_frame needs TF and is not used here' in capsys.readouterr().err


def test_without_a_frame_of_tf_nothing_is_reported(tmp_path, capsys):
    settings_by(tmp_path, '    depth.max: 4.0\n')
    assert capsys.readouterr().err == ''
