"""What all tests share: the environment in which the commands run the network."""

import os

from zoedepth_ros.inference.threads import thread_environment

os.environ.update(thread_environment(os.environ))  # before any test imports torch
