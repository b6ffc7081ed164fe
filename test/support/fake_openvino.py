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
            has_rt_info=lambda key: key == 'framework' and about is not None,
            get_rt_info=lambda key: {'framework': SimpleNamespace(value=about)}[key],
        )

    def compile_model(self, model, device, config):
        assert device == 'CPU'
        self.library.compiled = config
        return SimpleNamespace(create_infer_request=lambda: SimpleNamespace(infer=self.infer))

    def infer(self, inputs):
        if not self.library.works:
            raise RuntimeError('Exception from infer_request.cpp:224:\nno memory')
        doubled = 2.0 * np.abs(inputs[0][:, :1])
        return {Port(name): doubled for name in ('depth_m', 'uncertainty_m', 'relative_depth')}


class Port:
    """An output with its name, as in the results of the real module."""

    def __init__(self, name):
        self.name = name

    def get_any_name(self):
        return self.name
