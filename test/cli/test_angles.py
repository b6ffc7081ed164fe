"""Fields of view on the command line: degrees, never radians."""

import argparse
import math

import pytest

from zoedepth_ros.cli.angles import field_of_view_deg
from zoedepth_ros.cli.main import main

COMMANDS = {
    'predict': ['a.png', '--hfov'],
    'view': ['a.png', '--hfov'],
    'bag': ['a.mcap', 'out.mcap', '--hfov'],
    'calibrate': ['a.png', '--distance', '2.0', '--hfov'],
    'calibrate ': ['a.png', '--distance', '2.0', '--training-hfov'],
}


@pytest.mark.parametrize('command', COMMANDS)
@pytest.mark.parametrize(
    ('value', 'says'),
    [
        ('1.2', '1.2 rad are 68.8 degrees'),
        ('3.1', '3.1 rad are 177.6 degrees'),
        ('0.5', '0.5 rad are 28.6 degrees'),
        ('4.9', 'expected degrees, 5 to 150, got 4.9'),
        ('0', 'expected degrees'),
        ('-60', 'expected'),
        ('150.1', 'expected degrees'),
        ('nan', 'expected degrees'),
        ('inf', 'expected degrees'),
        ('wide', 'expected degrees, 5 to 150, got wide'),
    ],
)
def test_every_command_refuses_what_is_no_field_of_view_in_degrees(command, value, says, capsys):
    with pytest.raises(SystemExit) as leaving:
        main([command.strip(), *COMMANDS[command], value])
    assert leaving.value.code == 2
    err = capsys.readouterr().err
    assert COMMANDS[command][-1] in err
    assert says in err


@pytest.mark.parametrize('value', ['5', '55', '68.8', '150'])
def test_what_lenses_have_is_taken(value):
    assert field_of_view_deg(value) == float(value)


def test_more_than_pi_is_not_taken_for_radians():
    with pytest.raises(argparse.ArgumentTypeError) as refusal:
        field_of_view_deg(str(math.pi + 0.1))
    assert 'radians' not in str(refusal.value)
