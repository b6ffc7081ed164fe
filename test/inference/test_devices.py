"""What torch raises when a device is full or gone, by class and by text."""

import pytest
import torch

from zoedepth_ros.inference.devices import kind_of, named_failures
from zoedepth_ros.inference.result import DeviceLost, NotFinite, OutOfMemory


@pytest.mark.parametrize(
    ('error', 'kind'),
    [
        (torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate 2 GiB'), OutOfMemory),
        (MemoryError(), OutOfMemory),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), OutOfMemory),
        (RuntimeError('CUDA error: out of memory'), OutOfMemory),
        (RuntimeError('CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling'), OutOfMemory),
        (RuntimeError('CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling'), OutOfMemory),
        (RuntimeError('CUDA error: CUDNN_STATUS_NOT_INITIALIZED when calling'), OutOfMemory),
        (RuntimeError('CUDA error: unspecified launch failure\nmore'), DeviceLost),
        (RuntimeError('CUDA error: device-side assert triggered'), DeviceLost),
        (RuntimeError('mat1 and mat2 shapes cannot be multiplied'), None),
        (ValueError('CUDA error'), None),
    ],
)
def test_errors_are_told_apart(error, kind):
    assert kind_of(error) is kind


def test_the_reason_keeps_its_first_line_and_the_device():
    with (
        pytest.raises(DeviceLost, match=r'^cuda:0: CUDA error: gone$'),
        named_failures(torch.device('cuda:0')),
    ):
        raise RuntimeError('CUDA error: gone\nCompile with TORCH_USE_CUDA_DSA')


@pytest.mark.parametrize('error', [RuntimeError('a bug'), NotFinite('CUDA error'), KeyError(1)])
def test_other_errors_pass_as_they_are(error):
    with pytest.raises(type(error)) as caught, named_failures(torch.device('cpu')):
        raise error
    assert caught.value is error


def test_a_real_allocation_that_cannot_be_is_out_of_memory():
    with pytest.raises(OutOfMemory), named_failures(torch.device('cpu')):
        torch.empty(1 << 50, dtype=torch.uint8)
