"""How threads wait: the user's choice stays, and the command sets ours before torch is there."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from zoedepth_ros.inference.threads import thread_environment


def test_threads_turn_round_shortly():
    assert thread_environment({}) == {'GOMP_SPINCOUNT': '1000'}


@pytest.mark.parametrize('name', ['GOMP_SPINCOUNT', 'OMP_WAIT_POLICY'])
def test_what_the_user_chose_stays(name):
    assert thread_environment({name: 'anything'}) == {}


def test_the_command_chooses_before_torch_is_imported():
    script = (
        'import os, sys\n'
        'from zoedepth_ros.cli import main, models\n'
        'def run(args):\n'
        "    print(os.environ['GOMP_SPINCOUNT'], 'torch' in sys.modules)\n"
        '    return 0\n'
        'models.run = run\n'
        "main.main(['models'])\n"
    )
    environ = {
        k: v for k, v in os.environ.items() if k not in ('GOMP_SPINCOUNT', 'OMP_WAIT_POLICY')
    }
    shown = subprocess.run(
        [sys.executable, '-c', script], env=environ, capture_output=True, text=True, check=True
    )
    assert shown.stdout.split() == ['1000', 'False']
