"""Give the parts of the documentation that are generated from the sources, as Markdown.

docs/conf.py inserts them where a page contains `<!-- generated: NAME -->`. Nothing here needs
torch, OpenCV or ROS, if the modules in MOCKED are replaced.

    python scripts/docs_reference.py parameters        # print one part
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import os
import re
import sys
from collections.abc import Iterator
from functools import partial
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MOCKED = ['torch', 'timm', 'cv2', 'safetensors', 'huggingface_hub', 'filelock', 'tqdm', 'PIL']
"""Modules that the environment of the documentation lacks and no generated text depends on."""

CHANGEABLE = {'always': 'at run time', 'inactive': 'while inactive', 'start': 'at start only'}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('part', choices=sorted(PARTS))
    print(PARTS[parser.parse_args(arguments).part]())
    return 0


def parameters() -> str:
    """Give the node's parameters, one table for each group."""
    from zoedepth_ros.ros.parameters.node_settings import TABLE

    def group_of(name: str) -> str:
        return name.partition('.')[0] if '.' in name else ''

    lines: list[str] = []
    for group, names in groupby(sorted(TABLE, key=group_of), key=group_of):
        lines += [f'\n## `{group}`' if group else '## Without a group', '']
        lines += [
            '| parameter | default | values | can be changed | description |',
            '|---' * 5 + '|',
        ]
        lines += [_parameter_row(TABLE[name]) for name in names]
    return '\n'.join(lines)


def _parameter_row(parameter: Any) -> str:
    """Give the row of one parameter, a `Parameter` of the package."""
    default = (
        list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
    )
    shown = (
        {True: 'true', False: 'false'}.get(default, default) if type(default) is bool else default
    )
    values = ', '.join(f'`{choice}`' for choice in parameter.choices)
    if parameter.limits is not None:
        values = f'{parameter.limits[0]} to {parameter.limits[1]}'
    name = f'`{parameter.name}`' + (' (of all cameras)' if parameter.shared else '')
    cells = (name, f'`{shown or repr(shown)}`', values, CHANGEABLE[parameter.changeable])
    return f'| {" | ".join(cells)} | {_cell(parameter.description)} |'


def _cell(text: str) -> str:
    """Escape a text for a cell of a Markdown table."""
    return re.sub(r'([|<*])', r'\\\1', text)


def messages() -> str:
    """Give the definition of every message, with its comments."""
    paths = sorted((ROOT / 'msg').glob('*.msg'))
    return '\n'.join(
        f'## zoedepth_ros/msg/{path.stem}\n\n```python\n{path.read_text()}```\n' for path in paths
    )


def commands() -> str:
    """Give the help of the command line and of every subcommand."""
    from zoedepth_ros.cli.main import COMMANDS, _parser

    os.environ['COLUMNS'] = '96'  # where argparse breaks lines
    parser = _parser([])
    (subparsers,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    helps = [('zoedepth', parser.format_help())]
    helps += [(f'zoedepth {name}', subparsers.choices[name].format_help()) for name in COMMANDS]
    return '\n'.join(f'## `{title}`\n\n```text\n{text}```\n' for title, text in helps)


def launch_files() -> str:
    """Give the arguments of the launch files, one table for each file."""
    lines: list[str] = []
    for path in sorted((ROOT / 'launch').glob('*.launch.py')):
        lines += [f'\n## {path.name}', '']
        lines += ['| argument | default | values | description |', '|---' * 4 + '|']
        for name, options in _launch_arguments(path):
            default, values = options.get('default_value', ''), options.get('choices', [])
            shown = ', '.join(f'`{choice}`' for choice in values if choice)
            cells = (f'`{name}`', f'`{default}`' if default else '', shown)
            lines.append(f'| {" | ".join(cells)} | {_cell(options["description"])} |')
    return '\n'.join(lines)


def _launch_arguments(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give name and options of every DeclareLaunchArgument, without the package `launch`."""
    tree = ast.parse(path.read_text())
    known: dict[str, Any] = {'SHARE': PurePosixPath('share/zoedepth_ros'), 'EMBEDDED': True}
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) not in known:
            with contextlib.suppress(NameError, AttributeError, TypeError):
                known[ast.unparse(node.targets[0])] = _value(node.value, known)
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == 'DeclareLaunchArgument':
            options = {str(k.arg): _value(k.value, known) for k in call.keywords}
            yield _value(call.args[0], known), options


def _value(node: ast.expr, names: dict[str, Any]) -> Any:
    return eval(compile(ast.Expression(node), 'launch file', 'eval'), {}, names)


def readme_section(title: str) -> str:
    """Give a section of README.md without its heading, with links as from docs/."""
    text = (ROOT / 'README.md').read_text()
    return links_from_docs(text.partition(f'\n## {title}\n')[2].partition('\n## ')[0])


def contributing() -> str:
    """Give CONTRIBUTING.md, with links as from docs/."""
    return links_from_docs((ROOT / 'CONTRIBUTING.md').read_text())


def changelog() -> str:
    """Give CHANGELOG.rst."""
    return (ROOT / 'CHANGELOG.rst').read_text()


def links_from_docs(text: str) -> str:
    """Change the links of a Markdown file of the root so that they work in docs/."""
    text = text.replace('](CONTRIBUTING.md', '](contributing.md')
    text = text.replace('](CHANGELOG.rst', '](changelog.rst')
    return re.sub(
        r'\]\((?!https?:|#|contributing|changelog)(docs/)?',
        lambda match: '](' if match[1] else '](../',
        text,
    )


PARTS = {
    'parameters': parameters,
    'messages': messages,
    'commands': commands,
    'launch_files': launch_files,
    'topics': partial(readme_section, 'Topics'),
    'start': partial(readme_section, 'Start'),
    'contributing': contributing,
    'changelog': changelog,
}
"""Name in `<!-- generated: NAME -->` -> what gives the text."""

if __name__ == '__main__':
    sys.stdout.reconfigure(errors='backslashreplace')  # whatever the terminal's encoding lacks
    sys.exit(main())
