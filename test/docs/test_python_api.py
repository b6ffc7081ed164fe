"""The examples of docs/api.md are true."""

import doctest

from docs_pages import ROOT


def test_the_examples_of_the_api_page_are_true():
    failed, tried = doctest.testfile(str(ROOT / 'docs' / 'api.md'), module_relative=False)
    assert tried > 30
    assert failed == 0
