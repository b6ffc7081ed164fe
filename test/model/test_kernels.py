"""The Triton kernels of the metric bins, without a GPU."""

from __future__ import annotations

import importlib
import sys

import pytest
import torch
from triton_kernels import compiled, interpreted

from zoedepth_ros.model.fused.bins import BinOperators
from zoedepth_ros.model.fused.network import bin_operators

pytest.importorskip('triton', reason='Triton is not installed')

CPU, FP16 = torch.device('cpu'), torch.float16
MODULE = 'zoedepth_ros.model.fused.kernels'
POINTERS = {
    '_attract': ('coarse', 'points', 'moved'),
    '_distribution': (
        *('on_pixels', 'embedded', 'centers', 'weight', 'bias', 'log_choose', 'depth', 'spread'),
    ),
}  # fmt: skip
FLOATS = ('y_scale', 'x_scale', 'strength', 'low', 'high')
CONSTANTS = {
    '_attract': {'COUNT': 16, 'BINS': 64, 'PADDED': 64, 'BLOCK': 16},
    '_distribution': {
        'EPS': 1e-4, 'HIDDEN': 80, 'PADDED_HIDDEN': 128, 'BINS': 64, 'PADDED': 64, 'BLOCK': 16
    },
}  # fmt: skip


class WrongCenters(BinOperators):
    def attract(self, coarse, points, strength):
        return super().attract(coarse, points, strength) * 1.01


def test_the_kernels_predict_what_the_reference_network_does():
    lines = interpreted('interpreted_kernels.py')
    assert [line[1] for line in lines] == ['outdoor', 'indoor']
    assert max(float(line[-1]) for line in lines) < 1e-3


def test_wrong_numbers_of_a_kernel_are_found_before_it_is_used():
    check = importlib.import_module(MODULE).check
    check(BinOperators(None), CPU)
    with pytest.raises(
        RuntimeError, match='kernels of the metric bins differ from torch by 1.0e-02'
    ):
        check(WrongCenters(None), CPU)


@pytest.mark.parametrize('architecture', [87, 90])
@pytest.mark.parametrize('name', list(CONSTANTS))
def test_the_kernels_compile_for_a_gpu(name, architecture, monkeypatch, tmp_path):
    """Orin is sm_87, H100 and H200 sm_90; no GPU is needed to compile."""
    monkeypatch.setenv('TRITON_CACHE_DIR', str(tmp_path))
    monkeypatch.delenv('TRITON_INTERPRET', raising=False)
    kernel = getattr(importlib.import_module(MODULE), name)
    types = {**dict.fromkeys(POINTERS[name], '*fp32'), **dict.fromkeys(FLOATS, 'fp32')}
    ptx = compiled(kernel, types, CONSTANTS[name], architecture)
    assert f'.target sm_{architecture}' in ptx


@pytest.mark.parametrize(
    ('dtype', 'device'),
    [(torch.float32, 'cuda'), (FP16, 'cpu'), (torch.bfloat16, 'cpu')],
)
def test_there_are_no_kernels_for_the_cpu_nor_for_fp32(dtype, device):
    assert bin_operators(dtype, torch.device(device)) is None


def test_without_triton_a_gpu_runs_the_operators_of_torch(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, 'triton', None)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    with caplog.at_level('INFO'):
        assert bin_operators(FP16, torch.device('cuda')) is None
    assert (
        'the metric bins run without compiled kernels, which is slower: import of triton'
        in caplog.text
    )


def test_an_error_while_kernels_are_loaded_is_one_line_without_the_advice_of_torch(
    monkeypatch, caplog
):
    def fail(device):
        raise RuntimeError('CUDA error: no kernel image\nCompile with `TORCH_USE_CUDA_DSA`.')

    monkeypatch.setattr(importlib.import_module(MODULE), 'BinKernels', fail)
    with caplog.at_level('INFO'):
        assert bin_operators(FP16, torch.device('cuda')) is None
    (record,) = caplog.records
    assert record.getMessage().endswith('which is slower: CUDA error: no kernel image')


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device')
def test_a_gpu_computes_the_bins_with_kernels():
    assert bin_operators(FP16, torch.device('cuda')) is not None  # they passed the comparison
