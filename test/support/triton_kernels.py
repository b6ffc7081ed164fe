"""Run and compile Triton kernels without a GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def interpreted(script: str) -> list[list[str]]:
    """Run a script of this folder with Triton's interpreter; return the words of each line."""
    environment = {**os.environ, 'TRITON_INTERPRET': '1', 'PYTHONPATH': os.pathsep.join(sys.path)}
    command = [sys.executable, str(Path(__file__).with_name(script))]
    printed = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return [line.split() for line in printed.stdout.splitlines()]


def compiled(
    kernel: Any,
    types: dict[str, str],
    constants: dict[str, Any],
    architecture: int,
    **options: Any,
) -> str:
    """Compile a kernel for a GPU that need not be there, such as sm_90; return the PTX code.

    types: of the arguments that are neither constants nor integers of 32 bits.
    """
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    types = {**types, **dict.fromkeys(constants, 'constexpr')}
    signature = {argument: types.get(argument, 'i32') for argument in kernel.arg_names}
    source = ASTSource(kernel, signature, constexprs=constants)
    target = GPUTarget('cuda', architecture, 32)
    return str(triton.compile(source, target=target, options=options).asm['ptx'])
