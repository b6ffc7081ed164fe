"""The processor: instruction sets, what follows for bf16, and how threads wait."""

import os
import subprocess
import sys

import pytest
import torch

from zoedepth_ros.environment import thread_environment
from zoedepth_ros.inference import processor

EPYC_7B13 = 'flags\t\t: fpu sse4_2 avx f16c avx2 fma bmi2'
XEON_8275 = 'flags\t\t: fpu avx2 avx512f avx512bw avx512vl avx512dq avx512_vnni'
EPYC_9654 = f'{XEON_8275} avx512_bf16'
XEON_8481 = f'{EPYC_9654} amx_bf16 amx_tile amx_int8'
CORTEX_A78AE = 'Features\t: fp asimd aes asimdhp asimddp'
NEOVERSE_V1 = f'{CORTEX_A78AE} sve i8mm bf16'


@pytest.fixture
def on(monkeypatch, tmp_path):
    """Return a function that puts this process on a processor."""

    def put(line, *, onednn=True):
        path = tmp_path / 'cpuinfo'
        path.write_text(f'processor\t: 0\nmodel name\t: A\n{line}\n\nprocessor\t: 1\n{EPYC_7B13}')
        monkeypatch.setattr(processor, 'CPUINFO', path)
        monkeypatch.setattr(torch.ops.mkldnn, '_is_mkldnn_bf16_supported', lambda: onednn)
        processor.bf16_emulated.cache_clear()

    yield put
    processor.bf16_emulated.cache_clear()


@pytest.mark.parametrize('line', [EPYC_9654, XEON_8481, NEOVERSE_V1])
def test_bf16_is_native_where_the_processor_has_instructions_for_it(on, line):
    on(line)
    assert processor.bf16_emulated() == ''


@pytest.mark.parametrize('line', [EPYC_7B13, XEON_8275, CORTEX_A78AE])
def test_bf16_is_emulated_elsewhere_even_where_onednn_takes_it(on, line):
    on(line)
    assert 'no bf16 instructions' in processor.bf16_emulated()


def test_a_onednn_that_is_kept_from_the_instructions_emulates(on):
    on(EPYC_9654, onednn=False)
    assert 'oneDNN' in processor.bf16_emulated()


def test_without_proc_nothing_is_known_and_nothing_is_native(on, monkeypatch, tmp_path):
    on(EPYC_9654)
    monkeypatch.setattr(processor, 'CPUINFO', tmp_path / 'none')
    assert processor.cpuinfo() == {}
    assert processor.instruction_sets() == frozenset()
    assert processor.bf16_emulated() != ''


def test_instruction_sets_are_those_of_the_first_core(on):
    on('flags : avx2 fma')
    assert processor.instruction_sets() == {'avx2', 'fma'}
    assert processor.cpuinfo()['model name'] == 'A'


def test_threads_turn_round_shortly():
    assert thread_environment({}) == {'GOMP_SPINCOUNT': '1000'}


@pytest.mark.parametrize('name', ['GOMP_SPINCOUNT', 'OMP_WAIT_POLICY'])
def test_what_the_user_chose_stays(name):
    assert thread_environment({name: 'anything'}) == {}


def test_the_command_chooses_before_torch_is_imported():
    script = (
        'import os, sys\n'
        'from zoedepth_ros.cli import main, models\n'
        'def run(args):\n'
        "    print(os.environ['GOMP_SPINCOUNT'], 'torch' in sys.modules)\n"
        '    return 0\n'
        'models.run = run\n'
        "main.main(['models'])\n"
    )
    environ = {
        k: v for k, v in os.environ.items() if k not in ('GOMP_SPINCOUNT', 'OMP_WAIT_POLICY')
    }
    shown = subprocess.run(
        [sys.executable, '-c', script], env=environ, capture_output=True, text=True, check=True
    )
    assert shown.stdout.split() == ['1000', 'False']
