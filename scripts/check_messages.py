"""Compare msg/ with an earlier commit: every field that changed must be named in CHANGELOG.rst.

    python scripts/check_messages.py origin/main

Recordings hold messages as they were defined when they were made, and a node of another version
does not receive them: whoever changes a definition tells the users. Needs git and nothing else.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
Fields = dict[str, str]
"""Name of a field or constant -> its type; of a constant 'type = value'. In their order."""


def main(base: str) -> int:
    before = definitions({
        name: git('show', f'{base}:msg/{name}')
        for name in git('ls-tree', '--name-only', f'{base}:msg').split()
    })  # fmt: skip
    now = definitions({path.name: path.read_text() for path in (ROOT / 'msg').glob('*.msg')})
    noted = added_lines(git('diff', '--unified=0', base, '--', 'CHANGELOG.rst'))
    missing = list(unnoted(before, now, noted))
    for text in missing:
        print(f'msg/: {text} since {base}, and no line added to CHANGELOG.rst names it')
    return 1 if missing else 0


def git(*arguments: str) -> str:
    """Run git in this repository; an error ends the script with git's own words."""
    done = subprocess.run(['git', '-C', ROOT, *arguments], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f'git {" ".join(arguments)} failed')
    return done.stdout


def definitions(texts: dict[str, str]) -> dict[str, Fields]:
    """Read message files: name of the message -> its fields and constants, without comments."""
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


def unnoted(before: dict[str, Fields], now: dict[str, Fields], noted: str) -> list[str]:
    """Say what changed without being named in `noted`.

    A new constant changes nothing for anybody.  Of a message that came or went its name is enough.
    """
    found = []
    for message in sorted(before.keys() | now.keys()):
        old, new = before.get(message, {}), now.get(message, {})
        changed = {name: 'is gone or changed' for name in old if new.get(name) != old[name]}
        changed |= {n: 'is new' for n in new if n not in old and ' = ' not in new[n]}
        moved = [name for name in old if name in new] != [name for name in new if name in old]
        if (changed or moved) and not names(noted, message):
            found.append(f'{message} changed')
        if old and new:
            found += [
                f'{message}.{name} {what}'
                for name, what in changed.items()
                if not names(noted, name)
            ]
    return found


def names(text: str, name: str) -> bool:
    return re.search(rf'\b{name}\b', text) is not None


if __name__ == '__main__':
    sys.stdout.reconfigure(errors='backslashreplace')  # whatever the terminal's encoding lacks
    if len(sys.argv) != 2:
        sys.exit(f'{__doc__}\nexpected one argument, the commit to compare with')
    sys.exit(main(sys.argv[1]))
