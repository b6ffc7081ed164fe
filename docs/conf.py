"""Sphinx configuration of the documentation site: `make docs`, or rosdoc2.

The pages are the Markdown files of this folder, which are readable without Sphinx as well.
scripts/docs_reference.py generates parameters, messages and commands from the sources.
"""

import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from sphinx.ext.autodoc.mock import mock

HERE = Path(__file__).resolve()
# rosdoc2 copies this folder, and its conf.py names the original.
ORIGINAL = re.search(r'exec\(open\("(.+?)"\)', HERE.read_text('utf-8'))
ROOT = Path(ORIGINAL[1] if ORIGINAL else HERE).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / 'scripts')]

import docs_reference  # noqa: E402

project = 'zoedepth_ros'
author = 'The zoedepth_ros developers'
copyright = f'{author}. MIT licence'  # noqa: A001
release = version = ElementTree.parse(ROOT / 'package.xml').findtext('version')

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx_rtd_theme']
# What rosdoc2 adds: an index, copies of pages of the root, messages, and a page for every module.
exclude_patterns = [
    *('index.rst', 'standards.rst', 'standard_docs', '__readme_include.rst', 'interfaces'),
    *('zoedepth_ros*.rst', 'modules.rst'),
]
smartquotes = False  # '' in a docstring is an empty text
highlight_language = 'bash'  # of blocks without a language, which are commands

myst_enable_extensions = ['colon_fence']
myst_heading_anchors = 4  # links to headings are those of GitHub

autodoc_member_order = 'bysource'
autodoc_typehints = 'signature'
autodoc_preserve_defaults = True

html_theme = 'sphinx_rtd_theme'
html_theme_options = {'navigation_depth': 3, 'collapse_navigation': False}
html_static_path = ['_static']
html_css_files = ['site.css']
html_title = f'zoedepth_ros {release}'
html_show_sphinx = False
html_copy_source = False


GENERATED = re.compile(r'^(?:<!-- generated: (\w+) -->|\.\. generated: (\w+))$', re.M)


IN_SITE = {
    '](../CONTRIBUTING.md': '](contributing.md',
    '](../CHANGELOG.rst': '](changelog.rst',
    '](../README.md#topics': '](topics.md',
}
"""Link in the repository -> link in the site, which has these pages of the root as well."""


def insert_generated(app, docname, source):
    """Replace `<!-- generated: NAME -->` by the part of that name of scripts/docs_reference.py."""
    for link, here in IN_SITE.items():
        source[0] = source[0].replace(link, here)
    with mock(docs_reference.MOCKED):
        source[0] = GENERATED.sub(lambda m: docs_reference.PARTS[m[1] or m[2]](), source[0])


def add_mocks(app, config):
    """Import the package without these, also under rosdoc2, which sets the option itself."""
    config.autodoc_mock_imports = [*config.autodoc_mock_imports, *docs_reference.MOCKED]


def setup(app):
    app.connect('source-read', insert_generated)
    app.connect('config-inited', add_mocks)
    if ORIGINAL:  # what the pages link to beside this folder
        for name in ('config', 'docker', 'msg', 'LICENSE', 'rosdoc2.yaml'):
            link = HERE.parent.parent / name
            if not link.exists():
                link.symlink_to(ROOT / name)
