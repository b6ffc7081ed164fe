"""Settings of the node in commands."""

import argparse

import pytest

from zoedepth_ros.cli.settings import add_settings, settings_of


def settings_by(tmp_path, text, *options, **kwargs):
    path = tmp_path / 'node.yaml'
    path.write_text(f'/**:\n  ros__parameters:\n{text}')
    parser = argparse.ArgumentParser()
    add_settings(parser)
    return settings_of(
        parser.parse_args(['--params-file', str(path), '--depth-min', '0.5', *options]), **kwargs
    )


def test_an_option_wins_over_the_parameter_file(tmp_path):
    settings = settings_by(tmp_path, '    depth.min: 0.2\n    depth.max: 4.0\n')
    assert (settings.depth_min_m, settings.depth_max_m) == (0.5, 4.0)


def test_a_frame_of_tf_in_the_parameter_file_is_reported_as_unused(tmp_path, capsys):
    settings_by(tmp_path, '    camera.base_frame: base_link\n')
    assert (
        'camera.base_frame needs TF, which this command does not have' in capsys.readouterr().err
    )


def test_without_a_frame_of_tf_nothing_is_reported(tmp_path, capsys):
    settings_by(tmp_path, '    depth.max: 4.0\n')
    assert capsys.readouterr().err == ''


def test_what_a_command_does_not_use_of_the_parameter_file_is_reported(tmp_path, capsys):
    settings_by(tmp_path, '    flip_augmentation: true\n    network.width: 320\n')
    assert 'does not use flip_augmentation, network.width of the file' in capsys.readouterr().err
    settings_by(tmp_path, '    flip_augmentation: false\n    diagnostics.warn_rate: 5.0\n')
    assert capsys.readouterr().err == ''
    parser = argparse.ArgumentParser()
    add_settings(parser, besides=['scan'])
    path = tmp_path / 'node.yaml'
    path.write_text('/**:\n  ros__parameters:\n    scan.rows: 3\n    cloud.decimation: 2\n')
    settings_of(parser.parse_args(['--params-file', str(path)]))
    assert capsys.readouterr().err == f'{path}: this command does not use scan.rows of the file\n'


@pytest.mark.parametrize('source', ['scan', 'points', 'range', 'motion'])
def test_a_scale_source_that_needs_messages_is_refused_where_there_are_images_only(
    tmp_path, capsys, source
):
    unused = f'scale.source {source} needs messages that this command does not read'
    with pytest.raises(ValueError, match=f'{unused}: expected off or height'):
        settings_by(tmp_path, '    depth.max: 4.0\n', '--scale-source', source)
    assert settings_by(tmp_path, f'    scale.source: {source}\n').scale_source == 'off'
    assert f'{unused}; the scale is not estimated' in capsys.readouterr().err
    text = f'    scale.source: {source}\n'
    assert settings_by(tmp_path, text, scale_sources=(source,)).scale_source == source
    assert capsys.readouterr().err == ''
