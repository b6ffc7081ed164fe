"""Fetch released weights from Hugging Face or GitHub."""

from __future__ import annotations

import errno
import logging
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from zoedepth_ros.errors import explained, in_one_line
from zoedepth_ros.files import WriteError
from zoedepth_ros.weights.download import download
from zoedepth_ros.weights.known_weights import HuggingFaceFile, ModelSource, model_source
from zoedepth_ros.weights.locations import (
    Source,
    cached,
    hub_cache,
    manual_instructions,
    weights_folder,
)

_LOG = logging.getLogger(__name__)
_PROBE_TIMEOUT_S = 10.0
_TRUE = {'1', 'ON', 'YES', 'TRUE'}  # the words huggingface_hub accepts


class FetchError(OSError):
    """Weights could not be fetched; the message states the reasons and manual instructions."""


def fetch(
    name: str,
    *,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: bool = True,
    source: Source | None = None,
) -> Path:
    """Return the path of the weights of this name; download them if they are not cached.

    Tries Hugging Face, then GitHub, unless `source` names one of them.  Cached files need no
    network.  Raises ValueError for an unknown name or a source without these weights, FetchError
    with manual instructions if all downloads fail.
    """
    model = model_source(name)
    downloads = dict(_downloads(model, cache_dir, progress, source))
    if source and source not in downloads:
        known = ' and '.join(dict(_downloads(model, None, False, None)))
        raise ValueError(f'{name} is not on {source}: it is on {known or "no server"}')
    if path := cached(name, cache_dir=cache_dir, source=source):
        return path
    if not downloads:
        raise FetchError(f'{name} ships inside the package, but this installation lacks the file')
    if os.environ.get('HF_HUB_OFFLINE', '').upper() in _TRUE:
        raise FetchError(_explain(model, cache_dir, {'network': 'HF_HUB_OFFLINE is set'}))
    reasons: dict[str, str] = {}
    for place, download_file in downloads.items():
        _LOG.info('fetching %s from %s', name, place)
        try:
            return download_file()
        except Exception as error:  # exception classes differ between releases of the hub library
            reasons[place] = _reason(error)
            if _is_disk_full(error):
                break
            _LOG.info('download failed: %s', reasons[place])
    raise FetchError(_explain(model, cache_dir, reasons))


def _downloads(
    model: ModelSource,
    cache_dir: str | os.PathLike[str] | None,
    progress: bool,
    source: Source | None,
) -> Iterator[tuple[str, Callable[[], Path]]]:
    """Yield source and download function, in order of preference."""
    hugging_face, github = model.hugging_face, model.github
    if hugging_face and source in (None, 'huggingface'):
        yield 'huggingface', lambda: _from_hub(hugging_face, hub_cache(cache_dir), progress)
    if github and source in (None, 'github'):
        target = weights_folder(cache_dir) / github.filename
        yield 'github', lambda: download(github, target, progress=progress)


def _from_hub(file: HuggingFaceFile, hub_folder: Path | None, progress: bool) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import (  # type: ignore[attr-defined]
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    _refuse_dead_connection(os.environ.get('HF_ENDPOINT') or 'https://huggingface.co')
    silence = not progress and not are_progress_bars_disabled()
    if silence:
        disable_progress_bars()
    hub_log = logging.getLogger('huggingface_hub')
    level = hub_log.level
    hub_log.setLevel(logging.ERROR)  # its warnings quote whole tracebacks
    try:
        return Path(
            hf_hub_download(
                file.repo_id,
                file.filename,
                cache_dir=hub_folder,
                endpoint=os.environ.get('HF_ENDPOINT'),
            )
        )
    finally:
        hub_log.setLevel(level)
        if silence:
            enable_progress_bars()


def _refuse_dead_connection(endpoint: str) -> None:
    """Connect to the server once; without network the hub library retries for half a minute."""
    address = urlsplit(endpoint)
    host = address.hostname or ''
    if address.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host):
        return  # only the proxy must be reachable
    port = address.port or {'https': 443}.get(address.scheme, 80)
    try:
        socket.create_connection((host, port), _PROBE_TIMEOUT_S).close()
    except OSError as error:
        raise urllib.error.URLError(f'{host}: {error.strerror or error}') from None


def _is_disk_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno == errno.ENOSPC


def _reason(error: Exception) -> str:
    """Describe a failed download in one line, by its root cause."""
    while isinstance(error.__cause__, Exception) and not isinstance(error, WriteError):
        error = error.__cause__
    if isinstance(error, ImportError):
        return f'{error.name or error} is not installed (pip install huggingface_hub)'
    if _is_disk_full(error):
        return f'the disk is full: {explained(error)}'
    if isinstance(error, urllib.error.HTTPError):
        return f'the server answered {error.code} {error.reason}: {error.url}'
    if isinstance(error, urllib.error.URLError):
        return f'no connection: {error.reason}'
    return in_one_line(error)


def _explain(
    model: ModelSource, cache_dir: str | os.PathLike[str] | None, reasons: dict[str, str]
) -> str:
    tried = '\n'.join(f'  {place}: {reason}' for place, reason in reasons.items())
    return (
        f'the weights of {model.name} could not be fetched\n{tried}\n'
        f'{manual_instructions(model.name, cache_dir)}'
    )
