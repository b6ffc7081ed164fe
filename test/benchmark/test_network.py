"""Our network compared with baselines: in turn, in new processes, with correct results."""

import json
from dataclasses import replace

import pytest
import torch
from fake_worker import FakeMachine

from zoedepth_ros.benchmark import network_benchmark, runners
from zoedepth_ros.benchmark.implementations import CAMERA_SIZE, Implementation, baselines
from zoedepth_ros.benchmark.network_benchmark import measure
from zoedepth_ros.benchmark.parts import BenchmarkOptions
from zoedepth_ros.benchmark.timing import Budget
from zoedepth_ros.benchmark.worker import WorkerError
from zoedepth_ros.files import json_text
from zoedepth_ros.inference import devices


def taken_ms(implementation, size, batch):
    """Ours: 10 ms, twice that in bf16; transformers: 40 with SDPA, 60 eager, half in bf16."""
    if implementation.kind == 'ours':
        return 10.0 if implementation.precision != 'bf16' else 20.0
    once = 60.0 if implementation.attention == 'eager' else 40.0
    once *= 0.5 if implementation.precision == 'bf16' else 1
    return 2 * once if implementation.official_protocol else once


@pytest.fixture(scope='module')
def machine():
    return FakeMachine(taken_ms)


@pytest.fixture(scope='module')
def section(machine):
    return measure(BenchmarkOptions(model='ZoeD_tiny_NK', rounds=3), machine)


def test_every_speedup_names_what_it_is_over(section):
    values = section.values
    assert values['speedup_over_transformers'] == 4.0
    assert values['speedup_over_transformers_own_environment'] == 4.0
    assert values['speedup_over_transformers_eager'] == 6.0
    assert values['speedup_over_transformers_eager_own_environment'] == 6.0
    assert values['speedup_over_transformers_half'] == 2.0
    assert values['speedup_over_transformers_half_eager'] == 3.0
    assert values['speedup_over_official'] == 12.0
    assert values['speedup_over_ours_bf16'] == 2.0
    assert values['speedup_over_ours_plain'] == 1.0
    assert values['latency_ms_median'] == values['latency_ms_p95'] == 10.0
    assert section.missing == ()


def test_rates_are_work_over_time(section):
    work = 10_000 * 64 * 96 + (64 * 96) ** 2  # of the fake machine
    assert section.values['achieved_tflops'] == pytest.approx(work / 0.010 / 1e12)
    assert section.values['matmul_tflops'] == 0.5
    assert section.values['share_of_roofline'] == pytest.approx(work / 0.010 / 1e12 / 0.5)


def test_deviations_are_from_the_eager_float32_of_transformers(section):
    assert section.values['deviation_reference'] == 'transformers_eager'
    assert section.values['mean_relative_deviation'] == 0.0
    assert section.values['mean_relative_deviation_transformers_half'] == pytest.approx(0.01)
    variants = section.values['variants']
    assert variants['ours_bf16']['mean_relative_deviation'] == pytest.approx(0.01)
    assert variants['official']['mean_relative_deviation'] is None
    assert variants['official']['image_size'] == CAMERA_SIZE


def test_every_implementation_has_its_own_process_and_only_two_run_at_once(machine, section):
    assert machine.most_open == 2
    assert len(machine.opened) == 1 + len(section.values['variants'])
    plain = [x for x in machine.environments if 'MALLOC_TRIM_THRESHOLD_' not in x]
    assert len(plain) == 2  # the baselines with their own environment
    variants = section.values['variants']
    own = {name for name, found in variants.items() if found['environment'] == 'its own'}
    assert own == {'transformers_own_environment', 'transformers_eager_own_environment'}


def test_implementations_run_in_turn(machine, section):
    first = machine.order.index(
        ('transformers', 'eager', 1)
    )  # one of each, to estimate the duration
    turns = [kind for kind, *_ in machine.order[first + 1 :][:6]]
    assert turns == ['ours', 'transformers', 'transformers', 'ours', 'ours', 'transformers']


def test_a_short_image_runs_several_times_per_turn_and_the_first_is_not_counted(section):
    # a turn of 250 ms, three rounds, without the first of each
    assert section.values['variants']['ours_bf16']['latency_ms']['n'] == 3 * 13  # of 20 ms
    assert section.values['sustained_frames'] == 1000
    assert section.values['sustained_hz'] == pytest.approx(100.0)
    assert section.values['sustained_p99_over_median'] == 1.0


def test_the_notes_explain_the_table(section):
    notes = ' '.join(section.notes)
    assert 'This package ("ours") takes 10 ms' in notes
    assert 'takes 4.00 times as long' in notes
    assert 'SDPA' in notes
    table = section.tables[0].as_text()
    assert 'transformers, fp32, SDPA (its default)' in table
    json.loads(json_text(section.values))


def test_without_transformers_the_rest_still_runs_and_reports_it_once():
    lacking = {'transformers': "No module named 'transformers': pip install transformers"}
    section = measure(
        BenchmarkOptions(model='ZoeD_tiny_NK', rounds=1), FakeMachine(taken_ms, lacking)
    )
    (missing,) = section.missing
    assert missing.endswith('pip install transformers')
    assert 'official protocol' in missing
    assert 'speedup_over_transformers' not in section.values
    assert section.values['speedup_over_ours_bf16'] == 2.0
    assert section.values['deviation_reference'] == 'ours_fp32'
    assert section.values['mean_relative_deviation_transformers_half'] is None


def test_our_implementation_must_run():
    with pytest.raises(WorkerError, match='no such file'):
        measure(
            BenchmarkOptions(model='ZoeD_tiny_NK'), FakeMachine(lacking={'ours': 'no such file'})
        )


def test_a_fallback_is_reported_as_it_is_after_the_images():
    machine = FakeMachine(taken_ms)
    machine.notes = {'optimization_note': 'no CUDA graphs'}
    section = measure(BenchmarkOptions(model='ZoeD_tiny_NK', rounds=1, short=True), machine)
    notes = [note for note in section.notes if 'no CUDA graphs' in note]
    assert notes[0] == 'ours runs more slowly than configured: no CUDA graphs.'
    assert len(notes) == 1 + len(section.values['variants'])


def test_a_slow_network_is_not_run_a_thousand_times():
    section = measure(
        BenchmarkOptions(model='ZoeD_tiny_NK', rounds=1), FakeMachine(lambda *_: 100.0)
    )
    assert 'sustained_hz' not in section.values


@pytest.fixture
def slow(monkeypatch):
    """A machine where an image takes ours 3 s and transformers 12 or 18 s, and its clock."""
    machine = FakeMachine(lambda *about: 300 * taken_ms(*about))
    monkeypatch.setattr('time.monotonic', lambda: machine.now_s)
    return machine


def within(machine, minutes, **options):
    budget = Budget(60.0 * minutes)
    section = measure(BenchmarkOptions(model='ZoeD_tiny_NK', budget=budget, **options), machine)
    return section, machine.now_s


def test_a_slow_machine_spends_the_time_on_the_most_important_baselines(slow):
    section, took_s = within(slow, 5)
    assert took_s < 300
    kinds = [(x.kind, x.precision) for x in slow.opened]
    assert kinds[:3] == [('ours', 'auto'), ('transformers', 'fp32'), ('transformers', 'bf16')]
    assert section.values['speedup_over_transformers'] == 4.0
    (missing,) = section.missing
    assert missing.endswith('not started, to finish within 5 minutes (--minutes)')
    assert 'official protocol' in missing
    assert 'rounds instead of 7' in ' '.join(section.notes)
    assert {x['rounds'] for x in section.values['variants'].values()} <= {1, 2, 3}


def test_twice_the_time_measures_more_and_none_starts_that_would_not_finish(slow):
    few, _ = within(slow, 5)
    slow.now_s = 0.0
    more, took_s = within(slow, 10)
    assert took_s < 600
    assert set(few.values['variants']) < set(more.values['variants'])


def test_a_machine_that_is_too_slow_for_any_baseline_still_measures_ours(slow):
    section, _ = within(slow, 0.1)
    assert list(section.values['variants']) == ['ours_alone']
    assert section.values['variants']['ours_alone']['rounds'] == 1
    assert len(section.missing) == 1


def test_a_baseline_is_killed_at_the_time_limit(slow):
    within(slow, 5)
    assert all(0 < limit_s < 300 for limit_s in slow.limits_s)


def test_without_a_limit_everything_runs_seven_rounds(slow):
    section = measure(BenchmarkOptions(model='ZoeD_tiny_NK'), slow)
    assert {x['rounds'] for x in section.values['variants'].values()} == {7}
    assert section.missing == ()
    assert 'instead of' not in ' '.join(section.notes)


def test_an_emulated_precision_is_skipped_and_reported():
    machine = FakeMachine(taken_ms)
    machine.half = ('', 'bf16: no instructions')
    section = measure(BenchmarkOptions(model='ZoeD_tiny_NK', rounds=1), machine)
    assert {x.precision for x in machine.opened} == {'auto', 'fp32'}
    assert section.missing == ('bf16: no instructions',)
    section = measure(BenchmarkOptions(model='ZoeD_tiny_NK', rounds=1, runtimes='only'), machine)
    assert set(section.values['variants']) == {'onnxruntime', 'openvino'}


@pytest.mark.parametrize(
    ('device', 'precision', 'emulated', 'expected'),
    [
        ('cpu', 'auto', '', ('bf16', '')),
        ('cpu', 'auto', 'no instructions', ('', 'bf16: no instructions')),
        ('cpu', 'fp32', '', ('', '')),
        ('cpu', 'fp32', 'no instructions', ('', '')),
        ('cpu', 'bf16', '', ('bf16', '')),
        ('cuda', 'auto', 'no instructions', ('fp16', '')),
        ('cuda', 'bf16', 'no instructions', ('bf16', '')),
    ],
)
def test_the_half_precision_is_the_requested_one_or_a_fast_one(
    monkeypatch, device, precision, emulated, expected
):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda device: (8, 0))
    for module in (runners, devices):
        monkeypatch.setattr(module, 'bf16_emulated', lambda: emulated)
    assert runners.half_precision(device, precision) == expected


def test_emulated_bf16_is_rejected(monkeypatch):
    monkeypatch.setattr(runners, 'bf16_emulated', lambda: 'no instructions')
    with pytest.raises(
        ValueError, match='bf16 is not measured on this processor, because no instructions'
    ):
        runners.half_precision('cpu', 'bf16')


def test_a_gpu_has_fp16_and_a_row_for_tf32():
    ours = Implementation('ours', 'ZoeD_tiny_NK', 'file', precision='fp16')
    found = {x.name: x for x in baselines(ours, 'fp16', short=False, on_gpu=True)}
    assert found['transformers_tf32'].implementation.tf32
    assert not found['transformers'].implementation.tf32
    assert found['transformers_half'].implementation.precision == 'fp16'
    assert found['ours_fp32'].implementation.precision == 'fp32'
    assert {x.implementation.weights for x in found.values()} == {'file'}
    assert found['ours_compiled'].implementation.optimization == 'compile'
    assert 'ours_compiled' not in {
        x.name for x in baselines(ours, 'bf16', short=False, on_gpu=False)
    }
    compiled = replace(ours, optimization='compile')
    assert 'ours_compiled' not in {
        x.name for x in baselines(compiled, 'fp16', short=False, on_gpu=True)
    }
    short = baselines(ours, 'fp16', short=True, on_gpu=True)
    assert [x.name for x in short] == ['ours_fp32', 'transformers', 'transformers_half']


def test_the_environment_is_that_of_the_launch_file(monkeypatch):
    monkeypatch.delenv('MALLOC_TRIM_THRESHOLD_', raising=False)
    monkeypatch.setenv('MALLOC_TOP_PAD_', '1')
    found = network_benchmark.node_environment()
    assert found['MALLOC_TRIM_THRESHOLD_'] == '1073741824'
    assert found['MALLOC_TOP_PAD_'] == '1'  # the user's own value is kept
