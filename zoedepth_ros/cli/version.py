"""The version of this package: package.xml's, wherever it was installed from."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path


def version() -> str:
    """Return the version, or 'unknown' when neither package.xml nor metadata can be found."""
    manifest = Path(__file__).parents[2] / 'package.xml'  # beside the package in a source tree
    if manifest.is_file():
        found = re.search(r'<version>\s*([^<\s]+)', manifest.read_text(encoding='utf-8'))
        if found:
            return found[1]
    try:
        return metadata.version('zoedepth_ros')
    except metadata.PackageNotFoundError:
        return 'unknown'
