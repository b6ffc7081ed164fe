"""Render the docstrings of the package as HTML pages, one for each room, in out/reference.

Reads the sources and imports nothing, so it runs without torch and ROS. Types and defaults come
from the signatures, meanings from the docstrings, those below fields among them.

    python scripts/docs_reference.py
"""

from __future__ import annotations

import argparse
import ast
import html
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / 'zoedepth_ros'
STYLE = (
    'body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#1d2733}'
    'code,pre{font:13px/1.45 monospace}pre{white-space:pre-wrap;margin:.3em 0 .8em 1.5em}'
    'h3{font:bold 14px monospace;background:#e3edf7;padding:.3em .5em;margin-bottom:.2em}'
    'h4{font:bold 13px monospace;margin:.6em 0 0 1.5em}.in{margin-left:1.5em}'
)
Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else '')
    parser.add_argument('--out', type=Path, default=ROOT / 'out' / 'reference', help='folder')
    args = parser.parse_args(arguments)
    args.out.mkdir(parents=True, exist_ok=True)
    rooms = modules_by_room()
    for room, paths in rooms.items():
        body = ''.join(part for path in paths for part in module(path))
        (args.out / f'{room}.html').write_text(page(f'zoedepth_ros.{room}', body))
    (args.out / 'index.html').write_text(page('zoedepth_ros', ''.join(index(rooms))))
    print(args.out / 'index.html')
    return 0


def modules_by_room() -> dict[str, list[Path]]:
    rooms: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob('*.py')):
        parts = path.relative_to(PACKAGE).with_suffix('').parts
        if parts != ('__init__',):
            rooms[parts[0]].append(path)
    return dict(rooms)


def index(rooms: dict[str, list[Path]]) -> Iterator[str]:
    yield '<ul>'
    for room, paths in sorted(rooms.items()):
        said = ast.get_docstring(ast.parse(paths[0].read_text())) or ''
        first = html.escape(said.splitlines()[0] if said else '')
        yield f'<li><a href="{room}.html"><code>{room}</code></a> {first}</li>'
    yield '</ul>'


def page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<style>{STYLE}</style><h1>{title}</h1>{body}</html>\n'
    )


def module(path: Path) -> Iterator[str]:
    """Give a module's text, constants, functions and classes, those that are public."""
    tree = ast.parse(path.read_text())
    parts = path.relative_to(PACKAGE).with_suffix('').parts
    name = '.'.join(part for part in parts if part != '__init__')
    yield f'<h2 id="{name}">{name}</h2>{text(ast.get_docstring(tree))}'
    yield from fields(tree.body)
    for node in tree.body:
        if isinstance(node, Documented) and not node.name.startswith('_'):
            yield from documented(node, 'h3')


def documented(node: Documented, level: str) -> Iterator[str]:
    """Give the heading and the text of a function, or of a class with what is in it."""
    yield f'<{level}>{html.escape(signature(node))}</{level}>{text(ast.get_docstring(node))}'
    if not isinstance(node, ast.ClassDef):
        return
    yield from fields(node.body)
    for inner in node.body:
        public = isinstance(inner, Documented) and not inner.name.startswith('_')
        made = isinstance(inner, ast.FunctionDef) and inner.name in ('__init__', '__call__')
        if isinstance(inner, Documented) and (public or made) and ast.get_docstring(inner):
            yield from documented(inner, 'h4')


def signature(node: Documented) -> str:
    if isinstance(node, ast.ClassDef):
        bases = ', '.join(ast.unparse(base) for base in node.bases)
        return f'class {node.name}({bases})' if bases else f'class {node.name}'
    returns = f' -> {ast.unparse(node.returns)}' if node.returns else ''
    return f'{node.name}({ast.unparse(node.args)}){returns}'


def fields(body: Sequence[ast.stmt]) -> Iterator[str]:
    """Give every name that is assigned and has a string below it."""
    for node, below in pairwise(body):
        if not isinstance(node, (ast.Assign, ast.AnnAssign)) or not isinstance(below, ast.Expr):
            continue
        if isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
            name = ast.unparse(node.target if isinstance(node, ast.AnnAssign) else node.targets[0])
            kind = f': {ast.unparse(node.annotation)}' if isinstance(node, ast.AnnAssign) else ''
            said = html.escape(' '.join(below.value.value.split()))
            yield f'<div class="in"><code>{html.escape(name + kind)}</code> {said}</div>'


def text(docstring: str | None) -> str:
    return f'<pre>{html.escape(docstring)}</pre>' if docstring else ''


if __name__ == '__main__':
    sys.stdout.reconfigure(errors='backslashreplace')  # whatever the terminal's encoding lacks
    sys.exit(main())
