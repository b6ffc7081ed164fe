#!/bin/bash
# Source the distribution and the workspace, then run the given command.
set -e
source "/opt/ros/${ROS_DISTRO}/setup.bash"
source /workspace/install/setup.bash
exec "$@"
