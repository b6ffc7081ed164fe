"""Waiting policy of OpenMP threads.  Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping

_SPINNING, _WAITING = 'GOMP_SPINCOUNT', 'OMP_WAIT_POLICY'
_SPINS = '1000'  # libgomp's value for more threads than processors


def thread_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables to set before torch is imported, unless the user set them.

    OpenMP threads busy-wait, by default for milliseconds, which blocks the processor for the
    threads they wait for as soon as other processes run: next to one busy process on two cores,
    ZoeD_M12_NK in bf16 takes 13.7 s instead of 2.1 s.  Without other processes it is as fast with
    a low spin count; ZoeD_S_NK, with its short operations, is a few per cent slower.
    """
    chosen = _SPINNING in environ or _WAITING in environ
    return {} if chosen else {_SPINNING: _SPINS}
