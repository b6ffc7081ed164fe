"""`zoedepth benchmark`: what was asked for is measured, printed and written."""

import json

import pytest

from zoedepth_ros.benchmark import parts
from zoedepth_ros.benchmark.report import Section, Table
from zoedepth_ros.cli import benchmark
from zoedepth_ros.cli.main import main


@pytest.fixture
def asked(monkeypatch):
    """Measure nothing; give what every part was asked."""
    found = {}

    def measure(part, settings):
        found[part] = settings
        table = Table(f'the table of {part}', ('side', 'ms'), (('ours', '1'),))
        return Section(part, {'latency_ms_median': 1.0}, (table,), (f'{part} is fast.',))

    monkeypatch.setattr(benchmark, 'measure', measure)
    return found


def test_one_part_is_measured_as_asked_and_written(asked, tmp_path, capsys):
    out = tmp_path / 'new' / 'network.json'
    options = ['--model', 'ZoeD_tiny_NK', '--device', 'cpu', '--precision', 'fp32']
    assert main(['benchmark', 'network', *options, '--rounds', '2', '--json', str(out)]) == 0
    (settings,) = asked.values()
    assert (settings.model, settings.device, settings.precision) == ('ZoeD_tiny_NK', 'cpu', 'fp32')
    assert (settings.rounds, settings.short, settings.optimization) == (2, False, 'auto')
    report = json.loads(out.read_text())
    assert report['network']['latency_ms_median'] == 1.0
    assert report['facts']['cores'] >= 1
    asked_for = '--model ZoeD_tiny_NK --device cpu --precision fp32 --rounds 2'
    assert report['command'] == f'zoedepth benchmark network {asked_for}'
    said = capsys.readouterr().out
    assert 'the table of network' in said
    assert 'network is fast.' in said
    assert f'-> {out}' in said


def test_all_is_every_part_in_five_minutes_and_the_network_has_what_the_others_leave(
    asked, capsys
):
    assert main(['benchmark', 'all']) == 0
    assert list(asked) == ['node', 'network']
    assert all(settings.short for settings in asked.values())
    assert asked['node'].budget is asked['network'].budget
    assert asked['node'].budget.total_s == 300.0
    said = capsys.readouterr().out
    assert said.index('the table of network') < said.index('the table of node')


def test_the_time_is_as_asked_and_named_in_the_command(asked, tmp_path):
    out = tmp_path / 'out.json'
    assert main(['benchmark', 'size', '--minutes', '1.5', '--json', str(out)]) == 0
    assert asked['size'].budget.total_s == 90.0
    assert json.loads(out.read_text())['command'] == 'zoedepth benchmark size --minutes 1.5'
    assert main(['benchmark', 'size', '--minutes', '0']) == 0
    assert asked['size'].budget.total_s == float('inf')


def test_other_runtimes_are_asked_for_beside_the_network_only(asked, capsys):
    assert main(['benchmark', 'network']) == 0
    assert asked['network'].runtimes == ''
    assert main(['benchmark', 'network', '--runtimes']) == 0
    assert asked['network'].runtimes == 'too'
    assert main(['benchmark', 'network', '--runtimes', 'only']) == 0
    assert asked['network'].runtimes == 'only'
    for part in ('size', 'all'):
        assert main(['benchmark', part, '--runtimes']) == 2
        assert f'--runtimes is of the part network, not of {part}' in capsys.readouterr().err
    assert list(asked) == ['network']


def test_a_part_whose_library_is_missing_does_not_end_the_others(monkeypatch, capsys):
    def measure(part, settings):
        if part == 'node':
            raise ModuleNotFoundError("No module named 'rclpy'", name='rclpy')
        return Section(part, {}, (), ('done.',))

    monkeypatch.setattr(benchmark, 'measure', measure)
    assert main(['benchmark', 'all']) == 0
    said = capsys.readouterr().out
    assert 'done.' in said
    assert "NOT MEASURED  node: No module named 'rclpy'" in said


def test_parts_that_there_are_not_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(['benchmark', 'everything'])
    assert 'network' in capsys.readouterr().err
    with pytest.raises(ValueError, match="no benchmark 'gpu'; there are network"):
        parts.measure('gpu', parts.Settings())


def test_every_part_has_a_module_that_measures():
    from importlib.util import find_spec

    assert all(find_spec(module) for module in parts.PARTS.values())
    assert set(parts.ALL) <= set(parts.PARTS)


def test_a_wrong_model_is_one_line(capsys):
    assert main(['benchmark', 'network', '--model', 'ZoeD_huge']) == 2
    assert "no model 'ZoeD_huge'" in capsys.readouterr().err
