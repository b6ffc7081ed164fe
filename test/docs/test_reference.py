"""What the documentation site generates from the sources is complete; `make docs` builds it."""

import pkgutil
import re

import docs_reference as reference
from docs_pages import ROOT

from zoedepth_ros.cli.main import COMMANDS
from zoedepth_ros.ros.parameters.node_settings import TABLE


def test_every_parameter_has_a_row_with_its_default_and_its_description():
    rows = dict(re.findall(r'^\| `([\w.]+)`(.*)$', reference.parameters(), re.M))
    assert rows.keys() == TABLE.keys()
    assert '| `10.0` | 0.0 to 1000.0 | at run time |' in rows['cloud.rate']
    assert '`32FC1`, `16UC1`' in rows['depth.encoding']
    assert '(of all cameras) | `[]` |' in rows['cameras']
    assert all(row.count(' | ') >= 4 for row in rows.values())


def test_every_message_and_every_command_has_a_section():
    found = re.findall(r'^## zoedepth_ros/msg/(\w+)$', reference.messages(), re.M)
    assert sorted(found) == sorted(path.stem for path in (ROOT / 'msg').glob('*.msg'))
    sections = re.findall(r'^## `zoedepth ?([\w ]*)`$', reference.commands(), re.M)
    assert sections == ['', *COMMANDS]
    assert '--focal-correction' in reference.commands()


def test_every_argument_of_a_launch_file_has_a_row():
    files = re.split(r'^## (.+)$', reference.launch_files(), flags=re.M)
    rows = dict(zip(files[1::2], files[2::2], strict=True))
    for name in ('demo', 'depth', 'multi_camera'):
        declared = re.findall(
            r"DeclareLaunchArgument\(\s*'(\w+)'", (ROOT / f'launch/{name}.launch.py').read_text()
        )
        assert re.findall(r'^\| `(\w+)`', rows[f'{name}.launch.py'], re.M) == declared
    assert '| `respawn_delay` | `5.0` |  |' in rows['depth.launch.py']
    assert '`raw`, `compressed`' in rows['depth.launch.py']


def test_links_of_pages_of_the_root_are_changed_to_those_of_the_site():
    text = '[a](docs/x.md#y) [b](config/z.yaml) ![c](docs/images/c.png) [d](https://e) [f](#g)'
    expected = '[a](x.md#y) [b](../config/z.yaml) ![c](images/c.png) [d](https://e) [f](#g)'
    assert reference.links_from_docs(text) == expected
    assert reference.links_from_docs('[a](CONTRIBUTING.md)') == '[a](contributing.md)'
    assert '`depth/points`' in reference.PARTS['topics']()
    assert 'colcon build' in reference.PARTS['start']()
    assert '\n## ' not in reference.PARTS['start']()


def test_what_pages_insert_exists_and_every_page_is_in_the_navigation():
    pages = [*(ROOT / 'docs').glob('*.md'), *(ROOT / 'docs').glob('*.rst')]
    for page in pages:
        inserted = re.findall(r'^(?:<!--|\.\.) generated: (\w+)', page.read_text(), re.M)
        assert set(inserted) <= reference.PARTS.keys(), page.name
    toctrees = re.findall(
        r'^```\{toctree\}\n(.*?)^```', (ROOT / 'docs/index.md').read_text(), re.M | re.S
    )
    shown = re.findall(r'^(?:.*<)?(\w+)>?$', '\n'.join(toctrees), re.M)
    assert sorted(shown) == sorted(page.stem for page in pages if page.stem != 'index')


def test_the_names_of_the_api_reference_exist():
    text = (ROOT / 'docs/api_reference.rst').read_text()
    names = re.findall(r'^\.\. auto\w+:: ([\w.]+)', text, re.M)
    assert len(names) > 20
    for name in names:
        pkgutil.resolve_name(name)
