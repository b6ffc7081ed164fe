"""A file that several tests open."""

import pytest
from lively import write_onnx


@pytest.fixture(scope='session')
def onnx_file(tmp_path_factory):
    """Both heads of a lively network."""
    return write_onnx(tmp_path_factory.mktemp('onnx'))
