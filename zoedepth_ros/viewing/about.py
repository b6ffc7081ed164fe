"""What depth comes from, in words."""

from __future__ import annotations


def model_text(model: str, weights: str, weights_warning: str) -> str:
    """Return model and weights in Markdown, after a warning if depth is not for real use.

    weights_warning: that warning; '' for none.
    """
    warning = f'# {weights_warning.upper()}\n\n' if weights_warning else ''
    return f'{warning}**Model** {model}\n\n**Weights** {weights}'
