"""Compare msg/ with an earlier commit: CHANGELOG.rst must name every changed field.

    python scripts/check_messages.py origin/main

Recordings contain the old definition, and nodes of different versions cannot exchange changed
messages. Needs only git.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
Fields = dict[str, str]
"""Name of a field -> type, or of a constant -> 'type = value', in their order."""


def main(base: str) -> int:
    before = definitions({
        name: git('show', f'{base}:msg/{name}')
        for name in git('ls-tree', '--name-only', f'{base}:msg').split()
    })  # fmt: skip
    now = definitions({path.name: path.read_text() for path in (ROOT / 'msg').glob('*.msg')})
    changelog = added_lines(git('diff', '--unified=0', base, '--', 'CHANGELOG.rst'))
    missing = list(unnamed_changes(before, now, changelog))
    for text in missing:
        print(f'msg/: {text} since {base}, and no line added to CHANGELOG.rst names it')
    return 1 if missing else 0


def git(*arguments: str) -> str:
    """Run git in this repository; exit on errors."""
    done = subprocess.run(['git', '-C', ROOT, *arguments], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f'git {" ".join(arguments)} failed')
    return done.stdout


def definitions(texts: dict[str, str]) -> dict[str, Fields]:
    """Parse message files: name -> fields and constants, without comments."""
    return {name.removesuffix('.msg'): fields(text) for name, text in texts.items()}


def fields(text: str) -> Fields:
    found: Fields = {}
    for line in text.splitlines():
        kind, _, rest = line.partition('#')[0].strip().partition(' ')
        name, equals, value = (part.strip() for part in rest.partition('='))
        if name:
            found[name.split()[0]] = f'{kind} = {value}' if equals else kind
    return found


def added_lines(diff: str) -> str:
    return '\n'.join(
        line[1:] for line in diff.splitlines() if line.startswith('+') and line[:3] != '+++'
    )


def unnamed_changes(
    before: dict[str, Fields], now: dict[str, Fields], changelog: str
) -> list[str]:
    """Return the changes that the changelog does not name.

    A new constant is no change; for a new or removed message its own name suffices.
    """
    found = []
    for message in sorted(before.keys() | now.keys()):
        old, new = before.get(message, {}), now.get(message, {})
        changed = {name: 'was removed or changed' for name in old if new.get(name) != old[name]}
        changed |= {n: 'is new' for n in new if n not in old and ' = ' not in new[n]}
        moved = [name for name in old if name in new] != [name for name in new if name in old]
        if (changed or moved) and not names(changelog, message):
            found.append(f'{message} changed')
        if old and new:
            found += [
                f'{message}.{name} {what}'
                for name, what in changed.items()
                if not names(changelog, name)
            ]
    return found


def names(text: str, name: str) -> bool:
    return re.search(rf'\b{name}\b', text) is not None


if __name__ == '__main__':
    sys.stdout.reconfigure(errors='backslashreplace')  # characters the terminal lacks
    if len(sys.argv) != 2:
        sys.exit(f'{__doc__}\nexpected one argument, the commit to compare with')
    sys.exit(main(sys.argv[1]))
