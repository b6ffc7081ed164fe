"""Where this package keeps files that can be had again: weights, compiled kernels."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return $ZOEDEPTH_HOME, or `zoedepth` in the user's cache folder; it need not exist."""
    chosen = os.environ.get('ZOEDEPTH_HOME')
    return Path(chosen).expanduser() if chosen else user_cache_folder() / 'zoedepth'


def user_cache_folder() -> Path:
    """Return where all programs of this user cache, as the XDG base directories have it.

    Raises RuntimeError for a user without a home.
    """
    return Path(os.environ.get('XDG_CACHE_HOME') or '~/.cache').expanduser()
