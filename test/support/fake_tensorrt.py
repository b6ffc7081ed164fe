"""A fake of the module tensorrt: it builds an engine and records how."""

from __future__ import annotations

from types import SimpleNamespace


class Layer:
    def __init__(self, name, kind='CONVOLUTION', dtype='float32', num_outputs=1):
        self.name, self.type, self.num_outputs, self.precision = name, kind, num_outputs, None
        self._dtype, self.pinned = dtype, {}

    def get_output(self, index):
        return SimpleNamespace(dtype=self._dtype)

    def set_output_type(self, index, dtype):
        self.pinned[index] = dtype


class FakeTensorRT:
    """parse_error: error of the parser; engine: the bytes that are built, or None."""

    __version__ = '10.3.0'
    float32, float16 = 'float32', 'float16'
    LayerType = SimpleNamespace(CONSTANT='CONSTANT')
    MemoryPoolType = SimpleNamespace(WORKSPACE='WORKSPACE')
    BuilderFlag = SimpleNamespace(FP16='FP16', OBEY_PRECISION_CONSTRAINTS='OBEY')

    def __init__(self, layers=(), parse_error='', engine=b'engine'):
        self.layers, self.flags, self.parsed = list(layers), set(), []
        network = SimpleNamespace(num_layers=len(self.layers), get_layer=self.layers.__getitem__)
        config = SimpleNamespace(set_memory_pool_limit=lambda *_: None, set_flag=self.flags.add)
        self.Builder = lambda logger: SimpleNamespace(
            create_network=lambda flags: network,
            create_builder_config=lambda: config,
            build_serialized_network=lambda *_: engine,
        )
        self.OnnxParser = lambda *_: SimpleNamespace(
            parse_from_file=lambda path: self.parsed.append(path) or not parse_error,
            num_errors=1,
            get_error=lambda index: parse_error,
        )

    class Logger:
        ERROR = 'ERROR'

        def __init__(self, level):
            pass
