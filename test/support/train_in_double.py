"""A process: `zoedepth train` with numbers of 64 bits wherever there would be 32.

Rounding then is so small that a training which is the same on paper gives the same numbers.
"""

from __future__ import annotations

import sys

import torch

torch.set_default_dtype(torch.float64)
torch.Tensor.float = torch.Tensor.double  # called by the losses and the network

from zoedepth_ros.cli.main import main  # noqa: E402
from zoedepth_ros.training.examples import Example  # noqa: E402
from zoedepth_ros.training.loop import StageLoop  # noqa: E402

in_single = StageLoop._train_on


def train_on(self, network, batch):
    doubles = (part.double() if part.is_floating_point() else part for part in batch)
    in_single(self, network, Example(*doubles))


if __name__ == '__main__':
    StageLoop._train_on = train_on
    sys.exit(main(sys.argv[1:]))
