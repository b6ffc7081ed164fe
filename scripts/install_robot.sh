#!/usr/bin/env bash
# Set up a ROS 2 workspace with this package: system packages, a virtual environment with torch and
# timm, and the build. It may run again at any time: existing parts are kept.
#
#   source /opt/ros/jazzy/setup.bash
#   src/zoedepth_ros/scripts/install_robot.sh [--no-rosdep] [--no-rviz] [-- ARGUMENTS FOR PIP]
#
# --no-rosdep   install no system packages (no sudo, no network)
# --no-rviz     do not install rviz2, for a robot without a screen
# PYTHON        the Python of the distribution, /usr/bin/python3 by default
set -euo pipefail

fail() { echo "install_robot: error: $*" >&2; exit 1; }
log() { echo "install_robot: $*"; }

rosdep_wanted=true
# pip installs these into the virtual environment
skip_keys=(python3-pytorch-pip python3-timm-pip python3-huggingface-hub-pip)
while (($#)); do
  case $1 in
    --no-rosdep) rosdep_wanted=false ;;
    --no-rviz) skip_keys+=(rviz2) ;;
    --help | -h) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit ;;
    --) shift; break ;;
    *) fail "unknown option '$1': expected --no-rosdep, --no-rviz or -- before arguments for pip" ;;
  esac
  shift
done
pip_arguments=("$@")
python=${PYTHON:-/usr/bin/python3}

package=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
workspace=$(dirname "$package")
while [[ $(basename "$workspace") != src ]]; do
  [[ $workspace != / ]] || fail "this clone must be in the src folder of a workspace, as" \
    "~/ros2_ws/src/zoedepth_ros; it is in $package"
  workspace=$(dirname "$workspace")
done
workspace=$(dirname "$workspace")
venv=$workspace/.venv

[[ -n ${ROS_DISTRO:-} && -n ${AMENT_PREFIX_PATH:-} ]] ||
  fail 'no ROS 2 distribution is sourced; first: source /opt/ros/DISTRIBUTION/setup.bash'
[[ -z ${VIRTUAL_ENV:-} || $VIRTUAL_ENV == "$venv" ]] ||
  fail "the virtual environment $VIRTUAL_ENV is active, expected none or $venv; first: deactivate"
[[ -z ${CONDA_PREFIX:-} ]] || fail "the conda environment $CONDA_PREFIX is active; first: conda deactivate"
[[ -x $python ]] || fail "no Python at $python; set PYTHON to another"
command -v colcon >/dev/null || fail 'colcon not found; sudo apt install python3-colcon-common-extensions'

if $rosdep_wanted; then
  command -v rosdep >/dev/null || fail 'rosdep not found; sudo apt install python3-rosdep (or --no-rosdep)'
  if ! rosdep resolve python3-numpy --rosdistro "$ROS_DISTRO" >/dev/null 2>&1; then
    log 'updating the database of rosdep'
    rosdep update --rosdistro "$ROS_DISTRO" || fail 'rosdep update failed; the first time: sudo rosdep init'
  fi
  log 'installing system packages'
  rosdep install --from-paths "$package" --ignore-src --rosdistro "$ROS_DISTRO" -y \
    --skip-keys "${skip_keys[*]}" ||
    fail 'rosdep install failed: see above'
fi
"$python" -c 'import cv2, numpy, rclpy' ||
  fail "$python cannot import rclpy, OpenCV and NumPy of $ROS_DISTRO: PYTHON must name the distribution's" \
    'Python, and rosdep install must have run'

if [[ -x $venv/bin/python3 ]]; then
  wanted=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  found=$("$venv/bin/python3" -c 'import sys; print("%d.%d" % sys.version_info[:2])') || found=broken
  [[ $found == "$wanted" ]] ||
    fail "$venv has Python $found, $python is $wanted; remove it and run this again"
  grep -qi '^include-system-site-packages *= *true' "$venv/pyvenv.cfg" ||
    fail "$venv was made without --system-site-packages; remove it and run this again"
else
  log "making $venv"
  "$python" -m venv --system-site-packages "$venv" || {
    rm -rf "$venv"
    fail "$python -m venv failed; sudo apt install python3-venv"
  }
fi
touch "$venv/COLCON_IGNORE"

log 'installing torch, timm and their dependencies (up to 5 GB the first time)'
# Keep numpy of the system: cv_bridge is compiled against it.
constraints=$(mktemp)
trap 'rm -f "$constraints"' EXIT
"$python" -c 'import numpy; print(f"numpy=={numpy.__version__}")' >"$constraints"
"$venv/bin/python3" -m pip --disable-pip-version-check install \
  -r "$package/dependencies.txt" -c "$constraints" "${pip_arguments[@]}" || fail 'pip failed: see above'
"$venv/bin/python3" -c 'import cv2, numpy, rclpy, timm, torch, torchvision' ||
  fail "$venv lacks the package in the error above"

log 'building'
cd "$workspace"
colcon build --packages-select zoedepth_ros --cmake-args "-DPython3_EXECUTABLE=$venv/bin/python3" ||
  fail 'colcon build failed: see above'
first_line=$(head -n 1 install/zoedepth_ros/lib/zoedepth_ros/depth_node)
[[ $first_line == "#!$venv/bin/python3" ]] ||
  fail "the node would run on ${first_line#\#!}, expected $venv/bin/python3; remove build/zoedepth_ros and run this again"

log 'ready. In every shell:'
echo "  source $workspace/install/setup.bash"
echo '  ros2 launch zoedepth_ros depth.launch.py image:=/camera/image_raw'
