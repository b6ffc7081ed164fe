"""Printed labels of packages, drawn with Pillow's own font."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from zoedepth_ros.path_traced.draws import Draws
from zoedepth_ros.path_traced.models import TEXTURE_PX, Texture

WORDS = (
    'MILK', 'TEA', 'COFFEE', 'FRESH', 'ORGANIC', 'SOAP', 'PASTA', 'RICE', 'SUGAR', 'BOLT',
    'M6', 'M8', 'X-200', 'FUSE', 'SALT', 'OIL', 'JUICE', 'SOUP', 'CORN', 'BEANS', 'TUNA',
    'PRO', 'PLUS', 'ULTRA', 'CARE', 'FILTER', 'SENSOR', 'CABLE', '12V', '230V', 'GLUE',
    'PAINT', 'COLOR', 'NEW', '500g', '1kg', '250ml', '750ml', 'BIO', 'CHOCO', 'CRISP', 'WASH',
    'CLEAN', 'HOME', 'TOOL', 'DRILL', 'SCREW', 'NUT', 'LED', 'LAMP', 'BATTERY', 'AAA', 'PAPER',
    'A4', 'STORY', 'HISTORY', 'OF', 'THE', 'GARDEN', 'ART', 'CODE', 'ROBOT', 'PHYSICS',
    'NOVEL', 'GUIDE',
)  # fmt: skip
PAPER_TEXT_PX = 14
"""Text of up to this size has several lines."""

Ink = tuple[int, int, int]


@cache
def label(number: int) -> Texture:
    """Draw a label: shapes and words, perhaps with a gradient, a bar code or a square code."""
    draws = Draws(5, number)
    image = Image.fromarray(_background(draws))
    pen = ImageDraw.Draw(image)
    for _ in range(draws.whole(0, 6)):
        _shape(pen, draws)
    for _ in range(draws.whole(1, 5)):
        _text(pen, draws)
    if draws.coin(0.4):
        _bar_code(pen, draws)
    if draws.coin(0.12):
        cells = Image.fromarray((draws.random((21, 21)) < 0.5).astype(np.uint8) * 255)
        image.paste(cells.resize((84, 84), Image.Resampling.NEAREST), _corner(draws, 0, 170))
    return np.asarray(image)


def _ink(draws: Draws, low: float = 0.1) -> Ink:
    red, green, blue = (round(255 * channel) for channel in draws.colour(low, 1.0))
    return red, green, blue


def _background(draws: Draws) -> Texture:
    top = np.array(_ink(draws, 0.15))
    bottom = np.array(_ink(draws)) if draws.coin(0.4) else top
    share = np.linspace(0.0, 1.0, TEXTURE_PX)[:, None, None]
    rows = (1.0 - share) * top + share * bottom
    return np.broadcast_to(rows, (TEXTURE_PX, TEXTURE_PX, 3)).astype(np.uint8)


def _corner(draws: Draws, low: int, high: int) -> tuple[int, int]:
    return draws.whole(low, high), draws.whole(low, high)


def _shape(pen: ImageDraw.ImageDraw, draws: Draws) -> None:
    x, y = _corner(draws, -50, TEXTURE_PX)
    width, height = draws.whole(10, 200), draws.whole(5, 120)
    kind = draws.pick(('rectangle', 'rectangle', 'ellipse', 'polygon'))
    if kind == 'rectangle':
        pen.rectangle((x, y, x + width, y + height), fill=_ink(draws))
    elif kind == 'ellipse':
        box = (x, y, x + width, y + (width if draws.coin() else height))
        pen.ellipse(box, fill=_ink(draws), outline=_ink(draws), width=draws.whole(1, 6))
    else:
        corners = [_corner(draws, 0, TEXTURE_PX) for _ in range(draws.whole(3, 6))]
        pen.polygon(corners, fill=_ink(draws))


def _text(pen: ImageDraw.ImageDraw, draws: Draws) -> None:
    size_px = draws.pick((10, 14, 20, 32, 48, 64))
    font, ink = ImageFont.load_default(size_px), _ink(draws)
    x, y = draws.whole(-10, 150), draws.whole(0, 230)
    if size_px > PAPER_TEXT_PX:
        pen.text((x, y), _words(draws, draws.whole(1, 3)), fill=ink, font=font)
        return
    for line in range(draws.whole(2, 8)):
        pen.text((x, y + 1.2 * line * size_px), _words(draws, 5).lower(), fill=ink, font=font)


def _words(draws: Draws, count: int) -> str:
    return ' '.join(draws.pick(WORDS) for _ in range(count))


def _bar_code(pen: ImageDraw.ImageDraw, draws: Draws) -> None:
    x, y = draws.whole(0, 180), draws.whole(0, 200)
    pen.rectangle((x - 4, y - 4, x + 74, y + 44), fill='white')
    end = min(x + draws.whole(40, 70), TEXTURE_PX)
    while x < end:
        width = draws.whole(1, 4)
        pen.rectangle((x, y, x + width - 1, y + 36), fill='black')
        x += width + draws.whole(1, 4)
