"""Fetch released weights from Hugging Face or GitHub."""

from __future__ import annotations

import errno
import logging
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from zoedepth_ros.errors import explained, in_one_line
from zoedepth_ros.files import WriteError
from zoedepth_ros.folders import cache_folder
from zoedepth_ros.weights.download import download
from zoedepth_ros.weights.known_weights import HuggingFaceFile, ModelSource, model_source
from zoedepth_ros.weights.locations import cached, hub_cache, manual_instructions

_LOG = logging.getLogger(__name__)
_PROBE_TIMEOUT_S = 10.0
_TRUE = {'1', 'ON', 'YES', 'TRUE'}  # the words huggingface_hub accepts


class FetchError(OSError):
    """Weights could not be fetched; the message states the reasons and manual instructions."""


def fetch(name: str) -> Path:
    """Return the path of the weights of this name; download them if they are not cached.

    Tries Hugging Face, then GitHub.  Cached files need no network.  Raises ValueError for an
    unknown name, FetchError with manual instructions if all downloads fail.
    """
    if path := cached(name):
        return path
    model = model_source(name)
    downloads: dict[str, Callable[[], Path]] = {}
    if hugging_face := model.hugging_face:
        downloads['huggingface'] = partial(_from_hub, hugging_face)
    if github := model.github:
        target = cache_folder() / github.filename
        downloads['github'] = partial(download, github, target)
    if not downloads:
        raise FetchError(
            f'the weights of {name} are part of this package, but this installation lacks '
            'the file: install the package again'
        )
    if os.environ.get('HF_HUB_OFFLINE', '').upper() in _TRUE:
        raise FetchError(_explain(model, {'network': 'HF_HUB_OFFLINE is set'}))
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
    raise FetchError(_explain(model, reasons))


def _from_hub(file: HuggingFaceFile) -> Path:
    from huggingface_hub import hf_hub_download

    endpoint = os.environ.get('HF_ENDPOINT')
    _refuse_dead_connection(endpoint or 'https://huggingface.co')
    hub_log = logging.getLogger('huggingface_hub')
    level = hub_log.level
    hub_log.setLevel(logging.ERROR)  # its warnings quote whole tracebacks
    try:
        found = hf_hub_download(
            file.repo_id, file.filename, cache_dir=hub_cache(), endpoint=endpoint
        )
    finally:
        hub_log.setLevel(level)
    return Path(found)


def _refuse_dead_connection(endpoint: str) -> None:
    """Connect to the server once; without network the hub library retries for half a minute."""
    address = urlsplit(endpoint)
    host = address.hostname
    if not host:
        raise ValueError(f'HF_ENDPOINT must begin with https:// or http://, got {endpoint!r}')
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
        return f'there is no connection to the server: {error.reason}'
    return in_one_line(error)


def _explain(model: ModelSource, reasons: dict[str, str]) -> str:
    tried = '\n'.join(f'  {place}: {reason}' for place, reason in reasons.items())
    instructions = manual_instructions(model)
    return f'the weights of {model.name} could not be fetched\n{tried}\n{instructions}'
