"""Whether a recording that is there already is the result of the very work that is requested."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoedepth_ros.bags.contents import ABOUT_DEPTH, REQUEST
from zoedepth_ros.bags.errors import Damage, ExistsError
from zoedepth_ros.bags.mcap_reader import first_metadata, summarize_mcap
from zoedepth_ros.bags.plan import DepthOptions, Report
from zoedepth_ros.bags.recording import open_recording
from zoedepth_ros.bags.topics import topic_of
from zoedepth_ros.errors import quoted
from zoedepth_ros.files import parse_json
from zoedepth_ros.pipeline.outputs import POINTS

_SOURCE = 'recording'
_ENDS_BYTES = 1 << 16


def request(source: Path, options: DepthOptions, model: Mapping[str, str]) -> str:
    """Describe work as JSON: what the recording is, wherever it lies, the options, the model.

    Raises RecordingError and OSError when there is no such recording.
    """
    values = options.values()
    recording = open_recording(source, Damage(recover=True))
    marks = [recording.metadata, *map(fingerprint, recording.files)]
    content = hashlib.sha256('\n'.join(marks).encode()).hexdigest()
    return json.dumps({**values, **model, _SOURCE: content}, sort_keys=True)


def fingerprint(path: Path) -> str:
    """Return a mark of a file's size and of its first and last 64 KiB."""
    with path.open('rb') as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        digest = hashlib.sha256(f'{size} '.encode() + file.read(_ENDS_BYTES))
        file.seek(max(0, size - _ENDS_BYTES))
        digest.update(file.read(_ENDS_BYTES))
    return digest.hexdigest()


def finished(target: Path, wanted: str) -> Report:
    """Report on a result of an earlier run of the same work.

    wanted: what `request` gives.  Raises ExistsError when `target` is anything else.
    """
    about = first_metadata(target, ABOUT_DEPTH)
    before, now = _parsed(about.get(REQUEST, '')), json.loads(wanted)
    if not before:
        raise ExistsError(f'{target} exists; --overwrite replaces it')
    other = [name for name in now if before.get(name) != now[name]]
    if _SOURCE in other:
        raise ExistsError(
            f'{target} exists and was made from another recording; --overwrite replaces it'
        )
    if other:
        settings = ', '.join(
            f'{name} {quoted(before.get(name))} (this command: {quoted(now[name])})'
            for name in other
        )
        raise ExistsError(f'{target} exists and was made with {settings}; --overwrite replaces it')
    counts = summarize_mcap(target, Damage(recover=True)).counts
    return Report(
        images=counts.get(about.get('image', ''), 0),
        depths=counts.get(now['depth_topic'], 0),
        clouds=counts.get(topic_of(POINTS, now['depth_topic']), 0),
        warning=about.get('weights_warning', ''),
        done_before=True,
    )


def _parsed(text: str) -> dict[str, Any]:
    try:
        values = parse_json(text)
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}
