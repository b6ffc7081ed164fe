"""Every command, link and name in README.md and docs/.

A block of commands is run here (`<!-- runs -->` above it), or states what it needs and is checked
against the tables of the code (`<!-- needs: a webcam -->`). A block without a mark fails.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import docs_checks as checks
import docs_pages as pages
import numpy as np
import pytest
import yaml
from fake_predictor import FakePredictor

from zoedepth_ros.cli.main import main
from zoedepth_ros.pipeline.parameter_file import flattened
from zoedepth_ros.ros.parameters.node_settings import TABLE

BLOCKS = [block for page in pages.PAGES for block in pages.blocks(page)]
COMMANDS = [block for block in BLOCKS if block.is_commands]
RUN_HERE = [block for block in COMMANDS if block.mark == 'runs']
PAGE_NAMES = [str(page.relative_to(pages.ROOT)) for page in pages.PAGES]
LANGUAGES = {*pages.COMMAND_LANGUAGES, 'python', 'yaml', 'json', 'xml', 'cpp', 'text', '{toctree}'}
# launch arguments of other people's drivers that the pages name
FOREIGN_ARGUMENTS = {
    *('camera_model', 'rectify_rgb', 'align_depth.enable', 'enable_depth', 'camera_info_url'),
}
# files of examples
ALLOWED_NAMES = {'warehouse.py', 'zoedepth_ros/model/backbones/dino.py'}
FILE_ENDINGS = ('.py', '.yaml', '.md', '.mcap', '.png', '.rviz', '.xml', '.json', '.txt', '.csv')


def where(blocks):
    return [block.where for block in blocks]


def test_the_pages_are_found_and_so_are_their_blocks():
    assert len(pages.PAGES) > 10
    assert len(RUN_HERE) >= 4
    assert len(COMMANDS) > 40


@pytest.mark.parametrize('block', COMMANDS, ids=where(COMMANDS))
def test_every_block_of_commands_is_run_or_states_what_it_needs(block):
    assert block.mark, (
        f'{block.where}: write <!-- runs -->, <!-- needs: … --> or <!-- text --> above this block'
    )


@pytest.mark.parametrize('block', COMMANDS, ids=where(COMMANDS))
def test_what_a_command_names_exists(block):
    found = [problem for line in block.commands() for problem in checks.problems(line)]
    assert not found, block.where


@pytest.mark.parametrize('block', BLOCKS, ids=where(BLOCKS))
def test_every_block_is_of_a_language_that_is_checked(block):
    assert block.language in LANGUAGES
    if block.language == 'python' and '>>>' not in block.text:
        compile(block.text, block.where, 'exec')
    elif block.language == 'yaml':
        found = yaml.safe_load(block.text)
        assert isinstance(found, dict)
        for node, content in found.items():
            if node.strip('/').rpartition('/')[2] in ('**', 'zoedepth'):
                given = dict(flattened(content['ros__parameters']))
                assert not list(checks.parameter_problems(given)), block.where


@pytest.fixture
def sandbox(tmp_path, monkeypatch):
    """A folder with the files the pages talk about, and a network that takes no time."""
    pytest.importorskip('mcap')
    pytest.importorskip('rosbags')
    from bags import drive, write_mcap

    monkeypatch.chdir(tmp_path)
    rgb = np.full((30, 40, 3), 120, np.uint8)
    for name in ('picture.jpg', 'photo.jpg', 'a.jpg', 'b.jpg', 'photos/c.jpg'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), rgb)
    video = cv2.VideoWriter(
        str(tmp_path / 'video.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 10.0, (64, 48)
    )
    for _ in range(10):
        video.write(np.zeros((48, 64, 3), np.uint8))
    video.release()
    shutil.copy(tmp_path / 'video.mp4', tmp_path / 'drive.mp4')
    for name in ('drive.mcap', 'monday/one.mcap', 'monday/two.mcap'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_mcap(tmp_path / name, drive())
    stand_in = 'zoedepth_ros.build.build_predictor'
    monkeypatch.setattr(stand_in, lambda *_, **__: FakePredictor())
    return tmp_path


@pytest.mark.parametrize('block', RUN_HERE, ids=where(RUN_HERE))
def test_the_commands_run(block, sandbox):
    if 'zoedepth view' in block.text:
        pytest.importorskip('rerun')
    for line in block.commands():
        for command in pages.simple_commands(line):
            assert run(command) == 0, line


def run(command):
    """Run one command: `zoedepth` in this process, anything else beside it."""
    words = [path for word in command.words for path in expanded(word)]
    if words[0] == 'zoedepth':
        try:
            return main(words[1:])
        except SystemExit as leaving:
            return leaving.code or 0
    words[0] = sys.executable if words[0] == 'python' else words[0]
    settings = dict(setting.split('=', 1) for setting in command.environment)
    done = subprocess.run(words, env=os.environ | settings, capture_output=True, timeout=240)
    return done.returncode


def expanded(word):
    return sorted(map(str, Path().glob(word))) if '*' in word else [word]


@pytest.mark.parametrize('name', PAGE_NAMES)
def test_every_link_leads_somewhere(name):
    page = pages.ROOT / name
    for link in pages.links(page):
        if re.match(r'https?://', link):
            continue
        path, _, anchor = link.partition('#')
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f'{name}: {link}'
        assert target.is_relative_to(pages.ROOT), f'{name}: {link} leaves the repository'
        if anchor:
            assert anchor in pages.anchors(target), f'{name}: {link}'


@pytest.mark.parametrize('name', PAGE_NAMES)
def test_every_parameter_that_is_named_exists(name):
    groups = {parameter.partition('.')[0] for parameter in TABLE if '.' in parameter}
    for code in pages.inline_code(pages.ROOT / name):
        match = re.fullmatch(r'([a-z]+(?:\.[a-z_]+)+)(?:(?::|=| ) ?(\S+))?', code)
        if (
            not match
            or match[1].partition('.')[0] not in groups
            or match[1].endswith(FILE_ENDINGS)
        ):
            continue
        if match[1] in {'depth.launch', 'depth.rviz'}:
            continue
        found = list(checks.parameter_problems({match[1]: match[2]}))
        assert not found, f'{name}: `{code}`: {found}'


@pytest.mark.parametrize('name', PAGE_NAMES)
def test_every_topic_and_launch_argument_that_is_named_exists(name):
    known = checks.launch_arguments('multi_camera.launch.py')
    known |= checks.launch_arguments('demo.launch.py')
    for code in pages.inline_code(pages.ROOT / name):
        assert not list(checks.name_problems(code.split(' ')[0])), f'{name}: `{code}`'
        argument = re.match(r'([\w.]+):=', code)
        if argument:
            assert argument[1] in known | FOREIGN_ARGUMENTS, f'{name}: `{code}`'


@pytest.mark.parametrize('name', PAGE_NAMES)
def test_every_command_inside_a_sentence_or_a_table_names_what_exists(name):
    for code in pages.inline_code(pages.ROOT / name):
        if re.match(r'(zoedepth|make|ros2 \w+) \S', code) and not re.search(
            r'…|[A-Z]{3,}|DIR', code
        ):
            assert not list(checks.problems(code)), f'{name}: `{code}`'


def source_files():
    root, package = pages.ROOT, pages.ROOT / 'zoedepth_ros'
    tops = package, root / 'test', root / 'scripts'
    paths = [*root.glob('*.py'), *(path for top in tops for path in top.rglob('*.py'))]
    known = {str(path.relative_to(package)) for path in paths if package in path.parents}
    return known | {str(path.relative_to(root)) for path in paths} | {path.name for path in paths}


@pytest.mark.parametrize('name', [*PAGE_NAMES, 'CONTRIBUTING.md'])
def test_every_source_file_that_is_named_exists(name):
    known = source_files()
    named = {
        code
        for code in pages.inline_code(pages.ROOT / name)
        if re.fullmatch(r'[\w/]+\.py', code) and code not in ALLOWED_NAMES
    }
    assert named - known == set()


def test_the_readme_leads_to_every_page_that_is_written():
    linked = {link.partition('#')[0] for link in pages.links(pages.ROOT / 'README.md')}
    written = {
        f'docs/{page.name}'
        for page in (pages.ROOT / 'docs').glob('*.md')
        if page.stem != 'index' and '<!-- generated:' not in page.read_text()
    }
    assert written - linked == set()


def test_the_first_screen_of_the_readme_is_a_sentence_an_image_and_three_ways_to_start():
    text = (pages.ROOT / 'README.md').read_text()
    ways = ('**On a robot.**', '**Without ROS.**', '**In a container.**')
    parts = ('![', *ways, '## What navigation gets', '## Topics')
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert text[: places[-2]].count('\n') < 50
    assert text.count('\n') <= 200
    topics = set(pages.inline_code(pages.ROOT / 'README.md'))
    assert checks.output_topics() - topics == set()


# ---- the checks themselves ----


@pytest.mark.parametrize(
    'line',
    [
        'zoedepth predict a.jpg --no-such-option',
        'zoedepth no-such-command',
        'ros2 launch zoedepth_ros depth.launch.py no_such:=1',
        'ros2 run zoedepth_ros no_such_node',
        'ros2 run zoedepth_ros image_source --ros-args -p no_such:=1',
        'ros2 param set /zoedepth cloud.no_such 1.0',
        'ros2 param set /zoedepth cloud.rate 5',
        'ros2 topic echo /front/depth/no_such',
        'ros2 service call /zoedepth/no_such std_srvs/srv/SetBool',
        'make no-such-target',
        'cd x && make no-such-target',
        'torchrun -m zoedepth_ros.cli.main train --no-such-option',
    ],
)
def test_a_wrong_line_is_noticed(line):
    assert len(list(checks.problems(line))) == 1


def test_blocks_marks_and_anchors_are_read_as_written(tmp_path):
    page = tmp_path / 'page.md'
    page.write_text(
        '# A page, with: signs\n\n<!-- runs -->\n```\none \\\n  two  # why\n```\n\n'
        '- a list\n\n    goes on\n\ntext\n\n    three && X=1 four\n    five\n'
    )
    first, second = pages.blocks(page)
    assert (first.mark, first.line, first.commands()) == ('runs', 4, ['one  two'])
    assert (second.mark, second.commands()) == ('', ['three && X=1 four', 'five'])
    assert [c.words for c in pages.simple_commands('three && X=1 four')] == [('three',), ('four',)]
    assert pages.anchors(page) == {'a-page-with-signs'}
