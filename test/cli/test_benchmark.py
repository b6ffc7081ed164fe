"""`zoedepth benchmark`: the requested parts are measured, printed and written."""

import json

import pytest

from zoedepth_ros.benchmark import parts
from zoedepth_ros.benchmark.benchmark_report import Section, Table
from zoedepth_ros.cli import benchmark
from zoedepth_ros.cli.main import main


@pytest.fixture
def requested(monkeypatch):
    """Measure nothing; return the options of every part."""
    found = {}

    def measure(part, options):
        found[part] = options
        table = Table(f'the table of {part}', ('side', 'ms'), (('ours', '1'),))
        return Section(part, {'latency_ms_median': 1.0}, (table,), (f'{part} is fast.',))

    monkeypatch.setattr(benchmark, 'measure', measure)
    return found


def test_one_part_is_measured_as_requested_and_written(requested, tmp_path, capsys):
    out = tmp_path / 'new' / 'network.json'
    options = ['--model', 'ZoeD_tiny_NK', '--device', 'cpu', '--precision', 'fp32']
    assert main(['benchmark', 'network', *options, '--rounds', '2', '--json', str(out)]) == 0
    (used,) = requested.values()
    assert (used.model, used.device, used.precision) == ('ZoeD_tiny_NK', 'cpu', 'fp32')
    assert (used.rounds, used.short, used.optimization) == (2, False, 'auto')
    report = json.loads(out.read_text())
    assert report['network']['latency_ms_median'] == 1.0
    assert report['facts']['cores'] >= 1
    arguments = '--model ZoeD_tiny_NK --device cpu --precision fp32 --rounds 2'
    assert report['command'] == f'zoedepth benchmark network {arguments}'
    output = capsys.readouterr().out
    assert 'the table of network' in output
    assert 'network is fast.' in output
    assert f'-> {out}' in output


def test_all_is_every_part_in_five_minutes_and_the_network_has_what_the_others_leave(
    requested, capsys
):
    assert main(['benchmark', 'all']) == 0
    assert list(requested) == ['node', 'network']
    assert all(options.short for options in requested.values())
    assert requested['node'].budget is requested['network'].budget
    assert requested['node'].budget.total_s == 300.0
    output = capsys.readouterr().out
    assert output.index('the table of network') < output.index('the table of node')


def test_the_time_limit_is_as_requested_and_named_in_the_command(requested, tmp_path):
    out = tmp_path / 'out.json'
    assert main(['benchmark', 'size', '--minutes', '1.5', '--json', str(out)]) == 0
    assert requested['size'].budget.total_s == 90.0
    assert json.loads(out.read_text())['command'] == 'zoedepth benchmark size --minutes 1.5'
    assert main(['benchmark', 'size', '--minutes', '0']) == 0
    assert requested['size'].budget.total_s == float('inf')


def test_other_runtimes_are_an_option_of_the_network_only(requested, capsys):
    assert main(['benchmark', 'network']) == 0
    assert requested['network'].runtimes == ''
    assert main(['benchmark', 'network', '--runtimes']) == 0
    assert requested['network'].runtimes == 'too'
    assert main(['benchmark', 'network', '--runtimes', 'only']) == 0
    assert requested['network'].runtimes == 'only'
    for part in ('size', 'all'):
        assert main(['benchmark', part, '--runtimes']) == 2
        expected = f'applies only to `zoedepth benchmark network`, not to {part}'
        assert expected in capsys.readouterr().err
    assert list(requested) == ['network']


def test_a_part_whose_library_is_missing_does_not_end_the_others(monkeypatch, capsys):
    def measure(part, options):
        if part == 'node':
            raise ModuleNotFoundError("No module named 'rclpy'", name='rclpy')
        return Section(part, {}, (), ('done.',))

    monkeypatch.setattr(benchmark, 'measure', measure)
    assert main(['benchmark', 'all']) == 0
    output = capsys.readouterr().out
    assert 'done.' in output
    assert "NOT MEASURED  node: No module named 'rclpy'" in output


def test_unknown_parts_are_rejected(capsys):
    with pytest.raises(SystemExit):
        main(['benchmark', 'everything'])
    assert 'network' in capsys.readouterr().err


def test_every_part_has_a_module_that_measures():
    from importlib.util import find_spec

    assert all(find_spec(module) for module in parts.PARTS.values())
    assert set(parts.ALL) <= set(parts.PARTS)


def test_a_wrong_model_is_one_line(capsys):
    assert main(['benchmark', 'network', '--model', 'ZoeD_huge']) == 2
    assert "no model 'ZoeD_huge'" in capsys.readouterr().err
