"""The scores of the embedded network in README.md and its page are those in its file."""

import json
import re

from docs_pages import ROOT
from safetensors import safe_open

EMBEDDED = ROOT / 'zoedepth_ros' / 'weights' / 'embedded' / 'ZoeD_S_NK.safetensors'


def metadata():
    with safe_open(EMBEDDED, framework='np') as file:
        return file.metadata()


def row(text, start):
    (line,) = (line for line in text.splitlines() if line.startswith(start))
    return [cell.strip() for cell in line.strip('|').split('|')]


def test_the_readme_has_the_scores_of_the_embedded_file():
    found, readme = metadata(), (ROOT / 'README.md').read_text()
    scores = json.loads(found['held_out'])
    command = f'--dataset synthetic --seed {scores["seed"]} --samples {scores["n_scenes"]}'
    rendered = row(readme, '| `ZoeD_S_NK` | 200 rendered scenes')
    expected = [f'{scores[domain]["abs_rel"]:.3f}' for domain in ('indoor', 'outdoor')]
    assert rendered[2:4] == expected
    assert command in rendered[4]
    assert found['date'] in rendered[4]
    photographs = row(readme, '| `ZoeD_S_NK` | 25 photographs')
    warning = found.get('weights_warning') or found['trained_on']
    assert photographs[2:4] == re.findall(r'(\d\.\d+) (?:in|out)doors', warning)


def test_the_page_of_the_embedded_network_has_the_scores_of_its_file():
    page = (ROOT / 'docs' / 'embedded_model.md').read_text()
    scores = json.loads(metadata()['held_out'])
    shown = row(page, f'| {scores["seed"]} (in the file)')
    indoor, outdoor = scores['indoor'], scores['outdoor']
    assert shown[2:4] == [f'{indoor["abs_rel"]:.3f}', f'{indoor["delta1"]:.3f}']
    assert shown[5:7] == [f'{outdoor["abs_rel"]:.3f}', f'{outdoor["delta1"]:.3f}']
    assert shown[4] == f'{indoor["rmse"]:.2f}'
    assert shown[7] == f'{outdoor["rmse"]:.2f}'
