"""Which execution mode is chosen on a CPU, and that it stays chosen; no test measures a speed."""

import json

import pytest
import torch
from lively import lively_model

from zoedepth_ros.inference.runtimes import measured_mode as module
from zoedepth_ros.inference.runtimes.measured_mode import block_times_ms, choose_mode, cpu_modes
from zoedepth_ros.inference.runtimes.optimize import optimize
from zoedepth_ros.model.fused.layers import PackedLinear

FP32, SIZE = torch.float32, (64, 96)
NAMES = [mode.name for mode in cpu_modes(FP32)]

pytestmark = pytest.mark.skipif(
    bool(PackedLinear.missing(FP32)), reason='a torch without oneDNN has one mode'
)


@pytest.fixture
def model():
    return lively_model('ZoeD_tiny_NK')


@pytest.fixture
def measured(monkeypatch):
    """Let every network be worth measuring, and return what is measured and the calls so far."""
    times_ms, calls = dict.fromkeys(NAMES, 10.0), []

    def measure(model, dtype, size, modes):
        calls.append(size)
        return {mode.name: times_ms[mode.name] for mode in modes}

    monkeypatch.setattr(module, '_WORTHWHILE', 0)
    monkeypatch.setattr(module, 'block_times_ms', measure)
    return times_ms, calls


def chosen(model, folder, size=SIZE, precision='fp32'):
    return choose_mode(model, precision, FP32, size, folder).name


def test_the_fastest_mode_is_chosen_once_and_kept(model, measured, tmp_path):
    times_ms, calls = measured
    times_ms['fused'] = 8.0
    assert chosen(model, tmp_path / 'new') == 'fused'
    times_ms['fused'] = 12.0
    assert chosen(model, tmp_path / 'new') == 'fused'
    assert calls == [SIZE]
    [entry] = json.loads((tmp_path / 'new' / module.FILE).read_text()).values()
    assert (entry['mode'], entry['block_cpu_ms']['fused']) == ('fused', 8.0)


def test_another_size_precision_number_of_threads_or_instruction_set_is_measured_anew(
    model, measured, tmp_path, monkeypatch
):
    _, calls = measured
    threads = torch.get_num_threads()
    chosen(model, tmp_path)
    chosen(model, tmp_path, size=(96, 64))
    chosen(model, tmp_path, precision='other')
    monkeypatch.setattr(module, 'instruction_sets', lambda: frozenset({'avx2'}))
    chosen(model, tmp_path)
    monkeypatch.setattr(torch, 'get_num_threads', lambda: threads + 1)
    chosen(model, tmp_path)
    assert len(calls) == 5
    chosen(model, tmp_path)
    assert len(calls) == 5


def test_a_difference_that_may_be_noise_changes_nothing(model, measured, tmp_path):
    times_ms, _ = measured
    times_ms['fused'] = 9.9
    assert chosen(model, tmp_path) == 'packed'


@pytest.mark.parametrize('mode', ['of another release', ['packed'], None])
def test_a_kept_mode_that_does_not_exist_is_measured_once_more_and_replaced(
    model, measured, tmp_path, mode
):
    chosen(model, tmp_path)
    path = tmp_path / module.FILE
    [key] = json.loads(path.read_text())
    path.write_text(json.dumps({key: {'mode': mode}}))
    measured[0]['fused'] = 5.0
    assert [chosen(model, tmp_path) for _ in range(2)] == ['fused', 'fused']
    assert len(measured[1]) == 2


@pytest.mark.parametrize('text', ['', 'no JSON', '[]', '{"a": 1}', '\0'])
def test_a_damaged_file_is_replaced(model, measured, tmp_path, text):
    (tmp_path / module.FILE).write_text(text)
    measured[0]['fused'] = 5.0
    assert chosen(model, tmp_path) == 'fused'
    assert chosen(model, tmp_path) == 'fused'
    assert len(measured[1]) == 1


def test_a_folder_that_cannot_be_written_only_costs_the_next_measurement(
    model, measured, tmp_path
):
    (tmp_path / 'file').write_text('')
    measured[0]['fused'] = 5.0
    for _ in range(2):
        assert chosen(model, tmp_path / 'file') == 'fused'
    assert len(measured[1]) == 2


def test_of_two_processes_that_measure_at_a_time_the_first_one_counts(
    model, measured, tmp_path, monkeypatch
):
    times_ms, _ = measured
    times_ms['fused'] = 5.0
    own = module.block_times_ms

    def slower(*arguments):
        found = own(*arguments)
        monkeypatch.setattr(module, 'block_times_ms', own)
        assert chosen(model, tmp_path) == 'fused'  # the other process
        return found | {'packed': 1.0}

    monkeypatch.setattr(module, 'block_times_ms', slower)
    assert chosen(model, tmp_path) == 'fused'


def test_nothing_is_measured_without_a_folder_or_for_a_small_network(
    model, measured, tmp_path, monkeypatch
):
    _, calls = measured
    assert chosen(model, None) == 'packed'
    monkeypatch.undo()
    monkeypatch.setattr(module, 'block_times_ms', lambda *_: pytest.fail('measured'))
    assert chosen(model, tmp_path) == 'packed'
    assert calls == []


@pytest.mark.parametrize(('optimization', 'mode'), [('auto', 'fused'), ('packed', 'packed')])
def test_auto_measures_and_packed_does_not(model, measured, tmp_path, optimization, mode):
    measured[0]['fused'] = 5.0
    network = optimize(
        model, 'fp32', torch.device('cpu'), optimization, size=SIZE, modes_dir=tmp_path
    )
    assert (network.mode, bool(measured[1])) == (mode, optimization == 'auto')


def test_a_machine_that_is_too_busy_to_measure_keeps_the_default_and_measures_next_time(
    model, measured, tmp_path, monkeypatch
):
    with monkeypatch.context() as busy:
        busy.setattr(module, 'block_times_ms', lambda *_: {})
        assert chosen(model, tmp_path) == 'packed'
    measured[0]['fused'] = 5.0
    assert chosen(model, tmp_path) == 'fused'


def test_nothing_is_measured_after_the_time_for_it(model, monkeypatch):
    monkeypatch.setattr(module, 'BUDGET_S', 0.0)
    assert block_times_ms(model, FP32, SIZE, cpu_modes(FP32)) == {}


def test_every_mode_is_measured_and_the_network_stays_as_it_is(model, monkeypatch):
    monkeypatch.setattr(module, 'BUDGET_S', 600.0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    times_ms = block_times_ms(model, FP32, SIZE, cpu_modes(FP32))
    assert list(times_ms) == NAMES
    assert all(ms > 0.0 for ms in times_ms.values())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
