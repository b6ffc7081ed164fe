"""The Triton kernels that pack clouds, without a GPU."""

from __future__ import annotations

import importlib
import sys

import pytest
import torch
from triton_kernels import compiled, interpreted

from zoedepth_ros.inference import device_cloud

pytest.importorskip('triton', reason='Triton is not installed')

CPU = torch.device('cpu')
MODULE = 'zoedepth_ros.inference.cloud_kernels'
FLOATS = ('jump', 'least', 'most')
POINTERS = {
    '_erode': {'depth': '*fp32', 'eroded': '*i32'},
    '_points': {
        **dict.fromkeys(('depth', 'planes'), '*fp32'),
        **dict.fromkeys(('colors', 'suppressed'), '*u8'),
        **dict.fromkeys(('by_row', 'by_column', 'words', 'known'), '*i32'),
    },
    '_gather': dict.fromkeys(('words', 'known', 'places', 'packed'), '*i32'),
}


def test_the_kernels_give_the_points_of_torch_bit_for_bit():
    lines = interpreted('interpreted_cloud.py')
    assert len(lines) == 5 * 2 * 8
    assert {line[-1] for line in lines} == {'0'}
    assert sum(int(line[-2]) for line in lines) > 5000


@pytest.mark.parametrize('architecture', [87, 90])
@pytest.mark.parametrize('name', list(POINTERS))
def test_the_kernels_compile_for_a_gpu(name, architecture, monkeypatch, tmp_path):
    """Orin is sm_87, H100 and H200 sm_90; no GPU is needed to compile."""
    monkeypatch.setenv('TRITON_CACHE_DIR', str(tmp_path))
    monkeypatch.delenv('TRITON_INTERPRET', raising=False)
    kernel = getattr(importlib.import_module(MODULE), name)
    types = {**POINTERS[name], **dict.fromkeys(FLOATS, 'fp32')}
    ptx = compiled(kernel, types, {'BLOCK': 256}, architecture, enable_fp_fusion=False)
    assert f'.target sm_{architecture}' in ptx
    assert 'fma.rn.f32' not in ptx  # rounded once each, as on the CPU


def test_points_that_differ_from_those_of_torch_are_found_before_kernels_are_used(
    monkeypatch, caplog
):
    def wrong(*arguments):
        packed = device_cloud.pack_with_torch(*arguments)
        packed[..., 0, 2] += 1
        return packed

    device_cloud.check(device_cloud.pack_with_torch, CPU)
    monkeypatch.setattr(importlib.import_module(MODULE), 'pack', wrong)
    with caplog.at_level('INFO'):
        assert device_cloud.packer(CPU) is device_cloud.pack_with_torch
    assert 'clouds are packed without compiled kernels, which is slower' in caplog.text


def test_without_triton_clouds_are_packed_by_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, 'triton', None)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    assert device_cloud.packer(CPU) is device_cloud.pack_with_torch


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device')
def test_a_gpu_packs_clouds_with_kernels():
    assert device_cloud.packer(torch.device('cuda')) is not device_cloud.pack_with_torch
