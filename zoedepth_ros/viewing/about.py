"""What depth comes from, in words."""

from __future__ import annotations


def model_text(model: str, weights: str, trained_on: str) -> str:
    """Say it in Markdown, after a warning where the depth is not for real use.

    trained_on: that warning; '' for none.
    """
    warning = f'# {trained_on.upper()}\n\n' if trained_on else ''
    return f'{warning}**Model** {model}\n\n**Weights** {weights}'
