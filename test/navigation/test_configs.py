"""The snippets for Nav2 and its kind: every key is one that the package reads.

The names were read from the sources that each file cites in its head.
"""

from pathlib import Path

import pytest
import yaml

CONFIG = Path(__file__).resolve().parents[2] / 'config'

# declare_or_get_parameter(name_ + "." + …) in obstacle_layer.cpp and voxel_layer.cpp
VOXEL_LAYER = {
    'plugin', 'enabled', 'footprint_clearing_enabled', 'min_obstacle_height',
    'max_obstacle_height', 'combination_method', 'observation_sources', 'tf_filter_tolerance',
    'z_voxels', 'origin_z', 'z_resolution', 'unknown_threshold', 'mark_threshold',
    'publish_voxel_map',
}  # fmt: skip
# … name_ + "." + source + "." + … in obstacle_layer.cpp
COSTMAP_SOURCE = {
    'topic', 'sensor_frame', 'observation_persistence', 'expected_update_rate', 'data_type',
    'min_obstacle_height', 'max_obstacle_height', 'inf_is_valid', 'marking', 'clearing',
    'transport_type', 'obstacle_max_range', 'obstacle_min_range', 'raytrace_max_range',
    'raytrace_min_range',
}  # fmt: skip
# declareParameter(…) in spatio_temporal_voxel_layer.cpp
STVL = {
    'plugin', 'observation_sources', 'transform_tolerance', 'enabled', 'publish_voxel_map',
    'voxel_size', 'combination_method', 'mark_threshold', 'update_footprint_enabled',
    'track_unknown_space', 'decay_model', 'voxel_decay', 'mapping_mode', 'map_save_duration',
}  # fmt: skip
STVL_SOURCE = {
    'topic', 'sensor_frame', 'observation_persistence', 'expected_update_rate', 'data_type',
    'min_obstacle_height', 'max_obstacle_height', 'inf_is_valid', 'marking', 'clearing',
    'obstacle_range', 'min_z', 'max_z', 'vertical_fov_angle', 'vertical_fov_padding',
    'horizontal_fov_angle', 'decay_acceleration', 'filter', 'voxel_min_points',
    'clear_after_reading', 'enabled', 'model_type',
}  # fmt: skip
# nav2_collision_monitor: collision_monitor_node.cpp, polygon.cpp, source.cpp, pointcloud.cpp
COLLISION_MONITOR = {
    'use_realtime_priority', 'enabled', 'cmd_vel_in_topic', 'cmd_vel_out_topic', 'state_topic',
    'base_frame_id', 'odom_frame_id', 'transform_tolerance', 'source_timeout',
    'base_shift_correction', 'stop_pub_timeout', 'polygons', 'observation_sources',
}  # fmt: skip
POLYGON = {
    'type', 'action_type', 'enabled', 'min_points', 'max_points', 'slowdown_ratio',
    'linear_limit', 'angular_limit', 'time_before_collision', 'simulation_time_step', 'visualize',
    'polygon_pub_topic', 'polygon_sub_topic', 'footprint_topic', 'points',
}  # fmt: skip
MONITOR_SOURCE = {
    'type', 'topic', 'enabled', 'source_timeout', 'min_height', 'max_height', 'min_range',
    'use_global_height', 'transport_type',
}  # fmt: skip
# declare_parameter(…) in DepthImageToLaserScanROS.cpp
DEPTH_TO_SCAN = {'scan_time', 'range_min', 'range_max', 'scan_height', 'output_frame'}
# declare_parameter(…) in CommonDataSubscriber.cpp, CoreWrapper.cpp, OdometryROS.cpp and
# rgbd_odometry.cpp, and library parameters that rtabmap_ros' own launch files set
RTABMAP = {
    'frame_id', 'subscribe_depth', 'subscribe_rgb', 'subscribe_scan', 'approx_sync',
    'topic_queue_size', 'sync_queue_size', 'odom_frame_id', 'publish_tf', 'wait_for_transform',
}  # fmt: skip
RTABMAP_LIBRARY = {
    'Vis/MaxDepth', 'Vis/MinInliers', 'Reg/Force3DoF', 'RGBD/CreateOccupancyGrid', 'Grid/Sensor',
    'Grid/RangeMin', 'Grid/RangeMax', 'Grid/RayTracing', 'Grid/NormalsSegmentation',
    'Grid/MaxGroundHeight', 'Grid/MaxObstacleHeight',
}  # fmt: skip


def parameters(name, *path):
    content = yaml.safe_load((CONFIG / name).read_text(encoding='utf-8'))
    for key in path:
        content = content[key]
    return content['ros__parameters']


def check_layer(layer, own, per_source):
    sources = layer['observation_sources'].split()
    assert set(layer) - set(sources) <= own
    for source in sources:
        assert set(layer[source]) <= per_source, source
        assert layer[source]['topic'].startswith('/depth/points/')


@pytest.mark.parametrize(
    ('name', 'own', 'per_source'),
    [('nav2_voxel.yaml', VOXEL_LAYER, COSTMAP_SOURCE), ('nav2_stvl.yaml', STVL, STVL_SOURCE)],
)
def test_the_costmap_layers_use_only_keys_that_are_read(name, own, per_source):
    costmap = parameters(name, 'local_costmap', 'local_costmap')
    assert set(costmap) == {'plugins', 'depth_layer'}
    check_layer(costmap['depth_layer'], own, per_source)


def test_the_collision_monitor_uses_only_keys_that_are_read():
    monitor = parameters('collision_monitor.yaml', 'collision_monitor')
    blocks = {*monitor['polygons'], *monitor['observation_sources']}
    assert set(monitor) - blocks <= COLLISION_MONITOR
    for polygon in monitor['polygons']:
        assert set(monitor[polygon]) <= POLYGON
    for source in monitor['observation_sources']:
        assert set(monitor[source]) <= MONITOR_SOURCE


def test_depthimage_to_laserscan_uses_only_keys_that_are_read():
    assert set(parameters('depthimage_to_laserscan.yaml', 'depthimage_to_laserscan')) == (
        DEPTH_TO_SCAN
    )


@pytest.mark.parametrize('node', ['rtabmap', 'rgbd_odometry'])
def test_rtabmap_uses_only_keys_that_are_read_and_text_for_its_own(node):
    values = parameters('rtabmap.yaml', node)
    assert set(values) <= RTABMAP | RTABMAP_LIBRARY
    assert all(isinstance(v, str) for k, v in values.items() if k in RTABMAP_LIBRARY)


def test_clearing_reaches_at_least_as_far_as_marking():
    layer = parameters('nav2_voxel.yaml', 'local_costmap', 'local_costmap')['depth_layer']
    sources = [layer[name] for name in layer['observation_sources'].split()]
    marked_m = max(source['obstacle_max_range'] for source in sources if source['marking'])
    assert all(s['raytrace_max_range'] >= marked_m for s in sources if s['clearing'])


def test_16_voxels_are_the_most_that_a_voxel_layer_holds():
    layer = parameters('nav2_voxel.yaml', 'local_costmap', 'local_costmap')['depth_layer']
    assert layer['z_voxels'] <= 16  # VOXEL_BITS in voxel_layer.cpp
