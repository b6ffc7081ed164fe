"""Cache folders for weights and compiled kernels."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return $ZOEDEPTH_HOME, or `zoedepth` in the user's cache folder; it need not exist."""
    chosen = os.environ.get('ZOEDEPTH_HOME')
    return Path(chosen).expanduser() if chosen else user_cache_folder() / 'zoedepth'


def user_cache_folder() -> Path:
    """Return the user's cache folder of the XDG base directory specification.

    Raises OSError for a user without a home folder.
    """
    try:
        return Path(os.environ.get('XDG_CACHE_HOME') or '~/.cache').expanduser()
    except RuntimeError:
        raise OSError('there is no home folder for the cache: set HOME or ZOEDEPTH_HOME') from None
