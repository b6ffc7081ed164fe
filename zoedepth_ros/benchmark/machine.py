"""Hardware, versions and environment of a measurement; imports no torch."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from zoedepth_ros.inference.processor import cpuinfo, instruction_sets

_LIBRARIES = (
    *('torch', 'timm', 'transformers', 'numpy'),
    *('onnxruntime', 'onnxruntime-gpu', 'openvino', 'tensorrt', 'rclpy'),
)
_ENVIRONMENT = (
    *('MALLOC_', 'OMP_', 'GOMP_', 'KMP_', 'ATEN_'),
    *('MKL_', 'LD_PRELOAD', 'ONEDNN_', 'DNNL_', 'TORCHINDUCTOR_'),
)
_FLAGS = (
    *('avx2', 'fma', 'f16c', 'avx_vnni', 'avx512f', 'avx512_vnni'),
    *('avx512_bf16', 'avx512_fp16', 'amx_tile', 'amx_bf16', 'asimd', 'sve', 'bf16'),
)


@dataclass(frozen=True, slots=True)
class Machine:
    """What a measurement depends on."""

    cpu: str
    """Model name of the processor."""
    cores: int
    """Cores that this process may use."""
    cpu_flags: tuple[str, ...]
    """Instruction sets that matter for arithmetic."""
    memory_gb: float
    """Memory of the machine [GB]; 0 if unknown."""
    gpus: tuple[str, ...]
    """Names of the NVIDIA devices, from the driver."""
    system: str
    """Kernel and C library."""
    python: str
    versions: Mapping[str, str]
    """Library -> version, of the installed ones."""
    environment: Mapping[str, str]
    """Variables of allocator, threads and instruction sets."""
    load: float
    """Load average over one minute, before the measurement."""


def this_machine() -> Machine:
    """Describe this machine."""
    about, sets = cpuinfo(), instruction_sets()
    return Machine(
        cpu=about.get('model name') or platform.processor() or platform.machine(),
        cores=cores(),
        cpu_flags=tuple(flag for flag in _FLAGS if flag in sets),
        memory_gb=_memory_gb(),
        gpus=_gpus(),
        system=f'{platform.system()} {platform.release()}, {" ".join(platform.libc_ver())}',
        python=platform.python_version(),
        versions=_versions(),
        environment={
            name: value
            for name, value in sorted(os.environ.items())
            if name.startswith(_ENVIRONMENT)
        },
        load=os.getloadavg()[0],
    )


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, 'sched_getaffinity'):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_gb() -> float:
    try:
        return 1e-9 * os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    except (ValueError, OSError):
        return 0.0


def _gpus() -> tuple[str, ...]:
    places = sorted(Path('/proc/driver/nvidia/gpus').glob('*/information'))
    lines = (line for place in places for line in place.read_text('utf-8').splitlines())
    return tuple(line.split(':', 1)[1].strip() for line in lines if line.startswith('Model:'))


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
