"""A fake of the module openvino: it opens a file, runs it and records how."""

from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

ABOUT = {'model': 'ZoeD_tiny_N', 'head': 'indoor', 'height': 64, 'width': 96}


def need_openvino():
    """Skip without the real one; importing it here, as importorskip does, would report it."""
    if find_spec('openvino') is None:
        pytest.skip('openvino is not installed')


class FakeOpenVINO:
    """The module; its file doubles the image's first plane."""

    def __init__(self, able=('FP32', 'BF16'), about=ABOUT, readable=True, works=True):
        self.able, self.about, self.readable, self.works = able, about, readable, works
        self.compiled = {}
        """What the last file was compiled with."""

    def Core(self):  # noqa: N802
        return FakeCore(self)


class FakeCore:
    def __init__(self, library):
        self.library = library

    def get_property(self, device, name):
        assert (device, name) == ('CPU', 'OPTIMIZATION_CAPABILITIES')
        return list(self.library.able)

    def read_model(self, path):
        if not self.library.readable:
            raise RuntimeError(f'Exception from core.cpp:84:\nUnable to read the model: {path}\n')
        about = self.library.about
        return SimpleNamespace(
            outputs=OUTPUTS,
            has_rt_info=lambda key: key == 'framework' and about is not None,
            get_rt_info=lambda key: {'framework': SimpleNamespace(value=about)}[key],
        )

    def compile_model(self, model, device, config):
        assert device == 'CPU'
        self.library.compiled = config
        return SimpleNamespace(
            inputs=[Port('image', (1, 3, ABOUT['height'], ABOUT['width']))],
            outputs=OUTPUTS,
            create_infer_request=lambda: SimpleNamespace(infer=self.infer),
        )

    def infer(self, inputs, *, share_outputs):
        if not self.library.works:
            raise RuntimeError('Exception from infer_request.cpp:224:\nno memory')
        doubled = 2.0 * np.abs(inputs[0][:, :1])
        return dict.fromkeys(OUTPUTS, doubled)


class Port:
    """An input or output with its name and shape, as in the real module."""

    def __init__(self, name, shape=()):
        self.shape = shape
        self.name = name

    def get_any_name(self):
        return self.name

    def get_names(self):
        return {self.name}

    def get_partial_shape(self):
        return [SimpleNamespace(is_static=True, get_length=lambda n=n: n) for n in self.shape]

    def get_element_type(self):
        return SimpleNamespace(get_type_name=lambda: 'f32')


OUTPUTS = [Port(name) for name in ('depth_m', 'uncertainty_m', 'relative_depth')]
