"""Docstrings are complete, and the examples of docs/api.md are true."""

import ast
import doctest

import pytest
from docs_pages import ROOT

MODULES = sorted((ROOT / 'zoedepth_ros').rglob('*.py'))


def undocumented(source):
    """Give the public names of a module that have no docstring; setters share their getter's."""
    tree = ast.parse(source)
    lacking = [] if ast.get_docstring(tree) else ['the module']
    waiting = [('', tree)]
    while waiting:
        prefix, parent = waiting.pop()
        for node in ast.iter_child_nodes(parent):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                continue
            setters = [d for d in node.decorator_list if isinstance(d, ast.Attribute)]
            if node.name.startswith('_') or any(d.attr == 'setter' for d in setters):
                continue
            if not ast.get_docstring(node):
                lacking.append(prefix + node.name)
            if isinstance(node, ast.ClassDef):
                waiting.append((f'{prefix}{node.name}.', node))
    return lacking


@pytest.mark.parametrize(
    'path', MODULES, ids=[str(path.relative_to(ROOT / 'zoedepth_ros')) for path in MODULES]
)
def test_everything_public_has_a_docstring(path):
    assert undocumented(path.read_text()) == []


def test_a_lacking_docstring_is_noticed():
    source = """
class A:
    '''Fine.'''
    def b(self): pass
    def _c(self): pass
    @property
    def d(self):
        '''Fine.'''
    @d.setter
    def d(self, value): pass
def e(): pass
"""
    assert undocumented(source) == ['the module', 'e', 'A.b']


def test_the_examples_of_the_api_page_are_true():
    failed, tried = doctest.testfile(str(ROOT / 'docs' / 'api.md'), module_relative=False)
    assert tried > 30
    assert failed == 0
