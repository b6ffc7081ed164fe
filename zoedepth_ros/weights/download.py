"""Download one file over HTTP with resume, and check its size.

torch.hub.download_url_to_file cannot resume, and huggingface_hub only fetches from its own hub.
"""

from __future__ import annotations

import errno
import http.client
import logging
import os
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path

from zoedepth_ros.files import named_write_errors
from zoedepth_ros.weights.known_weights import GithubAsset

_LOG = logging.getLogger(__name__)
_TIMEOUT_S = 30.0
_ATTEMPTS = 6
_PAUSE_S = 2.0
_CHUNK_BYTES = 1 << 20
_REMEDY = 'free some space, then repeat the command, which downloads the rest'


class _BrokenTransferError(OSError):
    """The connection ended early; the received part is kept and can be resumed."""


def download(asset: GithubAsset, target: Path) -> Path:
    """Download to `target` + '.part' and rename the complete file.

    Resumes an earlier download if the file on the server is unchanged.  Raises OSError for a
    transfer that fails without progress, a wrong size, and a full disk.
    """
    from filelock import FileLock

    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + '.part')
    with FileLock(f'{target}.lock'):
        if target.is_file():  # another process was faster
            return target
        for attempt in range(1, _ATTEMPTS + 1):
            had_bytes = _size(part)
            try:
                _transfer(asset, part)
                break
            except _BrokenTransferError as error:
                if attempt == _ATTEMPTS or _size(part) <= had_bytes:
                    raise
                _LOG.warning('%s; the download resumes', error)
                time.sleep(_PAUSE_S)
        try:
            _refuse_wrong_size(asset, _size(part))
        except OSError:
            part.unlink()
            _validator_file(part).unlink(missing_ok=True)
            raise
        part.replace(target)
        _validator_file(part).unlink(missing_ok=True)
    return target


def _transfer(asset: GithubAsset, part: Path) -> None:
    """Append the missing bytes to `part`.  Raises _BrokenTransferError for an incomplete one."""
    had_bytes = _size(part)
    try:
        response = urllib.request.urlopen(_request(asset.url, part), timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code == 416 and error.headers.get('Content-Range', '') == f'bytes */{had_bytes}':
            return  # complete: the last run ended between the last byte and the rename
        raise
    with response:
        start = had_bytes if response.status == 206 else 0
        length = response.headers.get('Content-Length')
        total = start + int(length) if length else None
        _refuse_wrong_size(asset, total)
        missing = (total or asset.about_bytes) - start
        _refuse_full_disk(part.parent, missing)
        _validator_file(part).write_text(_validator(response.headers), encoding='utf-8')
        try:
            with named_write_errors(part, missing, remedy=_REMEDY):
                _append(response, part, start, total)
        except (ConnectionError, TimeoutError, http.client.HTTPException) as error:
            raise _BrokenTransferError(
                f'the transfer failed at {_size(part):,} bytes: {error}'
            ) from None
    if total is not None and _size(part) < total:
        raise _BrokenTransferError(f'the transfer ended at {_size(part):,} of {total:,} bytes')


def _request(url: str, part: Path) -> urllib.request.Request:
    """Request the file, or only the missing bytes if it is unchanged on the server."""
    headers = {'User-Agent': 'zoedepth_ros'}
    validator_file = _validator_file(part)
    validator = validator_file.read_text(encoding='utf-8') if validator_file.is_file() else ''
    if _size(part) and validator:
        headers |= {'Range': f'bytes={_size(part)}-', 'If-Range': validator}
    return urllib.request.Request(url, headers=headers)


def _append(response: http.client.HTTPResponse, part: Path, start: int, total: int | None) -> None:
    from tqdm import tqdm

    bar = tqdm(total=total, initial=start, unit='B', unit_scale=True, desc=part.stem)
    with bar, part.open('ab' if start else 'wb') as file:
        while chunk := response.read(_CHUNK_BYTES):
            file.write(chunk)
            bar.update(len(chunk))
        file.flush()
        os.fsync(file.fileno())


def _refuse_wrong_size(asset: GithubAsset, size_bytes: int | None) -> None:
    """Raise OSError for a wrong size, such as that of a login page."""
    if size_bytes is not None and not 0.5 < size_bytes / asset.about_bytes < 2:
        raise OSError(
            f'the file on the server has a wrong size: expected about {asset.about_bytes:,} '
            f'bytes, got {size_bytes:,}'
        )


def _refuse_full_disk(folder: Path, needed_bytes: int) -> None:
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        text = f'{needed_bytes:,} bytes are needed, {free_bytes:,} are free; {_REMEDY}'
        raise OSError(errno.ENOSPC, text, str(folder))


def _validator(headers: http.client.HTTPMessage) -> str:
    """Return the validator of this version of the file (RFC 9110, 13.1.5)."""
    etag = headers.get('ETag', '')
    return headers.get('Last-Modified', '') if etag.startswith('W/') or not etag else etag


def _validator_file(part: Path) -> Path:
    return part.with_name(part.name + '.version')


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
