"""How an engine is run, on a stand-in for TensorRT whose engine lies in ordinary memory."""

import contextlib
import ctypes
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from zoedepth_ros.inference.result import InferenceError
from zoedepth_ros.inference.runtimes import tensorrt_runtime
from zoedepth_ros.inference.runtimes.exported import open_exported

SIZE = (64, 96)
TENSORS = {
    'image': (1, 3, *SIZE),
    'depth_m': (1, 1, *SIZE),
    'uncertainty_m': (1, 1, *SIZE),
    'relative_depth': (1, 1, *SIZE),
}
ABOUT = {'model': 'ZoeD_tiny_N', 'head': 'indoor', 'height': '64', 'width': '96'}
EMPTY = torch.empty
RGB = np.full((80, 120, 3), 255, np.uint8)


class Context:
    """Return as depth twice the first value of the image, read and written by address."""

    def __init__(self, works):
        self.works, self.addresses = works, {}

    def set_tensor_address(self, name, address):
        self.addresses[name] = address

    def execute_async_v3(self, stream):
        assert stream == 7
        memory = {n: self.view(n) for n in self.addresses}
        for name in ('depth_m', 'uncertainty_m', 'relative_depth'):
            memory[name][:] = 2.0 * memory['image'][0]
        return self.works

    def view(self, name):
        kind = ctypes.c_float * int(np.prod(TENSORS[name]))
        return np.ctypeslib.as_array(kind.from_address(self.addresses[name]))


class FakeTensorRT:
    __version__ = '10.3.0'
    TensorIOMode = SimpleNamespace(INPUT='in')
    float32 = 'float32'

    class Logger:
        ERROR = 0

        def __init__(self, level):
            pass

    def __init__(self, readable=True, works=True):
        names = list(TENSORS)
        engine = SimpleNamespace(
            num_io_tensors=len(names),
            get_tensor_name=names.__getitem__,
            get_tensor_shape=TENSORS.__getitem__,
            get_tensor_dtype=lambda name: 'float32',
            get_tensor_mode=lambda name: 'in' if name == 'image' else 'out',
            create_execution_context=lambda: self.calls.append(self.current) or Context(works),
        )
        self.Runtime = lambda logger: SimpleNamespace(
            deserialize_cuda_engine=lambda data: (
                self.calls.append(self.current) or (engine if readable else None)
            )
        )
        self.current, self.calls = 'cuda:0', []

    @contextlib.contextmanager
    def on(self, device):
        """Make a device the current one, which TensorRT uses."""
        self.current = str(device)
        yield
        self.current = 'cuda:0'


@pytest.fixture
def machine(monkeypatch):
    """Return the function that puts a TensorRT on this machine, whose GPU is the CPU."""

    def install(library):
        monkeypatch.setitem(sys.modules, 'tensorrt', library)
        monkeypatch.setattr(tensorrt_runtime, 'choose_device', torch.device)
        monkeypatch.setattr(torch.cuda, 'Stream', lambda d: SimpleNamespace(cuda_stream=7))
        monkeypatch.setattr(torch.cuda, 'device', library.on)
        monkeypatch.setattr(torch.cuda, 'stream', lambda s: contextlib.nullcontext())
        monkeypatch.setattr(torch, 'empty', lambda shape, dtype, device: EMPTY(shape, dtype=dtype))

    return install


@pytest.fixture
def engine(tmp_path):
    path = tmp_path / 'tiny.engine'
    path.write_bytes(b'engine')
    path.with_name('tiny.engine.json').write_text(json.dumps({**ABOUT, 'precision': 'fp16'}))
    return path


def test_an_engine_gives_depth_at_the_size_of_the_image(machine, engine):
    machine(FakeTensorRT())
    predictor = open_exported(str(engine), 'tensorrt', model='ZoeD_tiny_N')
    assert predictor.precision == 'fp16'
    found = predictor(RGB)
    assert found.depth_m.shape == (80, 120)
    np.testing.assert_allclose(found.depth_m, 2.0)  # white is 1 in the network


def test_an_engine_is_loaded_on_the_device_that_is_requested(machine, engine):
    library = FakeTensorRT()
    machine(library)
    open_exported(str(engine), 'tensorrt', device='cuda:1')
    assert library.calls == ['cuda:1', 'cuda:1']


def test_an_engine_of_another_release_and_a_failing_one_are_reported(machine, engine):
    machine(FakeTensorRT(readable=False))
    with pytest.raises(ValueError, match=r'cannot be loaded by TensorRT 10\.3\.0'):
        open_exported(str(engine), 'tensorrt')
    machine(FakeTensorRT(works=False))
    with pytest.raises(InferenceError, match='could not run the engine'):
        open_exported(str(engine), 'tensorrt')(RGB)


def test_an_engine_without_what_is_known_about_it_is_refused(machine, engine):
    machine(FakeTensorRT())
    engine.with_name('tiny.engine.json').unlink()
    with pytest.raises(ValueError, match=r'cannot read .*tiny\.engine\.json'):
        open_exported(str(engine), 'tensorrt')


def test_a_cpu_is_refused(engine, monkeypatch):
    monkeypatch.setitem(sys.modules, 'tensorrt', FakeTensorRT())
    with pytest.raises(ValueError, match='needs a CUDA device'):
        open_exported(str(engine), 'tensorrt', device='cpu')
