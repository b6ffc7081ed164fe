"""Bring released weights onto this machine; the only file that touches the network."""

from __future__ import annotations

import errno
import hashlib
import http.client
import logging
import os
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from zoedepth_ros.weights.places import Source, cached, hub_cache, manual_way, weights_folder
from zoedepth_ros.weights.registry import GithubAsset, HuggingFaceFile, ModelSource, model_source

_LOG = logging.getLogger(__name__)
_TIMEOUT_S = 30.0
_PROBE_TIMEOUT_S = 10.0
_ATTEMPTS = 6
_PAUSE_S = 2.0
_CHUNK_BYTES = 1 << 20
_TRUE = {'1', 'ON', 'YES', 'TRUE'}  # the words huggingface_hub accepts


class FetchError(OSError):
    """Say that weights could not be had, why, and how to install them by hand."""


class _BrokenTransferError(OSError):
    """The connection ended early; what arrived is kept and the rest can be asked for."""


def fetch(
    name: str,
    *,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: bool = True,
    source: Source | None = None,
) -> Path:
    """Return the path of the weights of that name, downloading them when they are not here yet.

    Takes Hugging Face first, then GitHub, unless `source` names one. What lies in the cache is
    used without asking the network. Raises ValueError for an unknown name or a source that does
    not have it, and FetchError, which names the manual way, when nothing could be had.
    """
    model = model_source(name)
    ways = dict(_ways(model, cache_dir, progress, source))
    if source and source not in ways:
        raise ValueError(
            f'{name} is not on {source}: it is on {_sources_of(model) or "no server"}'
        )
    if path := cached(name, cache_dir=cache_dir, source=source):
        return path
    if not ways:
        raise FetchError(f'{name} ships inside the package, but this installation lacks the file')
    if _offline():
        raise FetchError(_explain(model, cache_dir, {'network': 'HF_HUB_OFFLINE is set'}))
    reasons: dict[str, str] = {}
    for place, way in ways.items():
        _LOG.info('fetching %s from %s', name, place)
        try:
            return way()
        except Exception as error:  # the hub library changed its exception classes three times
            reasons[place] = _reason(error)
            if _is_disk_full(error):
                break
            _LOG.info('no success: %s', reasons[place])
    raise FetchError(_explain(model, cache_dir, reasons))


def _ways(
    model: ModelSource,
    cache_dir: str | os.PathLike[str] | None,
    progress: bool,
    source: Source | None,
) -> Iterator[tuple[str, Callable[[], Path]]]:
    """Yield the places to download from, best first."""
    hugging_face, github = model.hugging_face, model.github
    if hugging_face and source in (None, 'huggingface'):
        yield 'huggingface', lambda: _from_hub(hugging_face, hub_cache(cache_dir), progress)
    if github and source in (None, 'github'):
        target = weights_folder(cache_dir) / github.filename
        yield 'github', lambda: _from_github(github, target, progress)


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
    """Try the server once: without network the hub library would retry for half a minute."""
    address = urlsplit(endpoint)
    host = address.hostname or ''
    if address.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host):
        return  # only the proxy need be within reach
    port = address.port or {'https': 443}.get(address.scheme, 80)
    try:
        socket.create_connection((host, port), _PROBE_TIMEOUT_S).close()
    except OSError as error:
        raise urllib.error.URLError(f'{host}: {error.strerror or error}') from None


def _from_github(asset: GithubAsset, target: Path, progress: bool) -> Path:
    """Download into `target` + '.part' and rename at the end, so that no half file is taken."""
    from filelock import FileLock

    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + '.part')
    with FileLock(f'{target}.lock'):
        if target.is_file():  # another process was faster
            return target
        for attempt in range(1, _ATTEMPTS + 1):
            had_bytes = _size(part)
            try:
                _transfer(asset, part, progress)
                break
            except _BrokenTransferError as error:
                if attempt == _ATTEMPTS or _size(part) <= had_bytes:
                    raise
                _LOG.warning('%s; asking for the rest', error)
                time.sleep(_PAUSE_S)
        _check(asset, part)
        part.replace(target)
        _validator_file(part).unlink(missing_ok=True)
    return target


def _transfer(asset: GithubAsset, part: Path, progress: bool) -> None:
    """Append to `part` what is missing of it; _BrokenTransferError when not all came."""
    had_bytes = _size(part)
    try:
        response = urllib.request.urlopen(_request(asset.url, part), timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code == 416 and error.headers.get('Content-Range', '') == f'bytes */{had_bytes}':
            return  # nothing is missing: the last run ended between the last byte and the rename
        raise
    with response:
        start = had_bytes if response.status == 206 else 0
        length = response.headers.get('Content-Length')
        total = start + int(length) if length else None
        _refuse_wrong_size(asset, total)
        _refuse_full_disk(part.parent, (total or asset.about_bytes) - start)
        _validator_file(part).write_text(_validator(response.headers), encoding='utf-8')
        try:
            _append(response, part, start, total, progress)
        except (ConnectionError, TimeoutError, http.client.HTTPException) as error:
            raise _BrokenTransferError(
                f'the transfer broke at {_size(part):,} bytes: {error}'
            ) from None
    if total is not None and _size(part) < total:
        raise _BrokenTransferError(f'the transfer ended at {_size(part):,} of {total:,} bytes')


def _request(url: str, part: Path) -> urllib.request.Request:
    """Ask for the whole file, or for the rest when the server still has the same one."""
    headers = {'User-Agent': 'zoedepth_ros'}
    validator_file = _validator_file(part)
    validator = validator_file.read_text(encoding='utf-8') if validator_file.is_file() else ''
    if _size(part) and validator:
        headers |= {'Range': f'bytes={_size(part)}-', 'If-Range': validator}
    return urllib.request.Request(url, headers=headers)


def _append(
    response: http.client.HTTPResponse,
    part: Path,
    start: int,
    total: int | None,
    progress: bool,
) -> None:
    from tqdm import tqdm

    bar = tqdm(
        total=total,
        initial=start,
        unit='B',
        unit_scale=True,
        desc=part.stem,
        disable=not progress,
    )
    with bar, part.open('ab' if start else 'wb') as file:
        while chunk := response.read(_CHUNK_BYTES):
            file.write(chunk)
            bar.update(len(chunk))
        file.flush()
        os.fsync(file.fileno())


def _check(asset: GithubAsset, part: Path) -> None:
    """Hold the whole file against what is known of it; a wrong one is deleted."""
    try:
        _refuse_wrong_size(asset, _size(part))
        if asset.sha256 and (found := sha256_of(part)) != asset.sha256:
            raise OSError(f'wrong checksum: expected sha256 {asset.sha256}, got {found}')
    except OSError:
        part.unlink()
        _validator_file(part).unlink(missing_ok=True)
        raise


def _refuse_wrong_size(asset: GithubAsset, size_bytes: int | None) -> None:
    """Refuse what cannot be the file, such as the login page of a network."""
    if size_bytes is not None and not 0.5 < size_bytes / asset.about_bytes < 2:
        raise OSError(
            f'wrong size: the server has {size_bytes:,} bytes where about '
            f'{asset.about_bytes:,} are expected'
        )


def _refuse_full_disk(folder: Path, needed_bytes: int) -> None:
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise OSError(
            errno.ENOSPC,
            f'{needed_bytes:,} bytes are needed, {free_bytes:,} are free',
            str(folder),
        )


def _validator(headers: http.client.HTTPMessage) -> str:
    """Return what tells this version of the file from another (RFC 9110, 13.1.5)."""
    etag = headers.get('ETag', '')
    return headers.get('Last-Modified', '') if etag.startswith('W/') or not etag else etag


def _validator_file(part: Path) -> Path:
    return part.with_name(part.name + '.version')


def sha256_of(path: Path) -> str:
    """Return the checksum of a file as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _offline() -> bool:
    return os.environ.get('HF_HUB_OFFLINE', '').upper() in _TRUE


def _is_disk_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno == errno.ENOSPC


def _sources_of(model: ModelSource) -> str:
    return ' and '.join(dict(_ways(model, None, False, None)))


def _reason(error: Exception) -> str:
    """Put a failure into one line for people; the first cause says most."""
    while error.__cause__ is not None and isinstance(error.__cause__, Exception):
        error = error.__cause__
    if isinstance(error, ImportError):
        return f'{error.name or error} is not installed (pip install huggingface_hub)'
    if _is_disk_full(error):
        return f'the disk is full: {error}'
    if isinstance(error, urllib.error.HTTPError):
        return f'the server answered {error.code} {error.reason}: {error.url}'
    if isinstance(error, urllib.error.URLError):
        return f'no connection: {error.reason}'
    return ' '.join(str(error).split()) or type(error).__name__


def _explain(
    model: ModelSource, cache_dir: str | os.PathLike[str] | None, reasons: dict[str, str]
) -> str:
    tried = '\n'.join(f'  {place}: {reason}' for place, reason in reasons.items())
    return (
        f'the weights of {model.name} could not be fetched\n{tried}\n'
        f'{manual_way(model.name, cache_dir)}'
    )
