"""The diagrams and figures of docs/performance.md are those of the files in docs/benchmarks."""

import inspect
import json
import re

import docs_performance
import node_profile
import pytest
from docs_pages import ROOT

EXECUTOR = 'main (zoedepth_ros/ros/main.py:88);Executor.spin_once (rclpy/executors.py:941)'
WORK = 'InferenceThread._run (zoedepth_ros/ros/inference_thread.py:106)'
SEND = (
    'Publishers.send (zoedepth_ros/ros/publishers.py:61);Publisher.publish (rclpy/publisher.py:72)'
)


def test_the_diagrams_are_drawn_from_the_files():
    assert docs_performance.diagrams()
    assert docs_performance.main(['--check']) == 0


@pytest.mark.parametrize(
    ('operator', 'kind'),
    [
        ('aten::addmm', 'linear layers'),
        ('mkldnn::_linear_pointwise', 'linear layers'),
        ('aten::_scaled_dot_product_attention_math', 'attention'),
        ('aten::bmm', 'attention'),
        ('aten::mkldnn_convolution', 'convolutions'),
        ('aten::upsample_bilinear2d', 'interpolation'),
        ('aten::copy_', 'copies, layout'),
        ('aten::native_layer_norm', 'normalisation, GELU'),
        ('aten::add', 'everything else'),
    ],
)
def test_operators_are_classified(operator, kind):
    assert docs_performance.kind_of(operator) == kind


@pytest.mark.parametrize(
    ('stack', 'kind'),
    [
        (
            f'{EXECUTOR};Executor._take_subscription (rclpy/executors.py:481);'
            'Image.data (sensor_msgs/msg/_image.py:250)',
            'taking messages',
        ),
        (
            f'{EXECUTOR};Executor._take_subscription.<locals>._execute (rclpy/executors.py:491);'
            'CameraStream.activate.<locals>.on_image (zoedepth_ros/ros/camera_stream.py:147)',
            'executor, callbacks',
        ),
        (f'{EXECUTOR};EventHandler.add_to_wait_set (rclpy/event_handler.py:177)',
         'executor, callbacks'),
        (f'{EXECUTOR};StatusReporter.report (zoedepth_ros/ros/health/status.py:50);'
         'Publisher.publish (rclpy/publisher.py:72)', 'diagnostics'),
        (f'{WORK};ImageProcessor._prepare (zoedepth_ros/ros/image_processor.py:156);'
         'decoded (zoedepth_ros/messages/images.py:50)', 'decoding'),
        (f'{WORK};depth_for_points (zoedepth_ros/geometry/filters.py:68);'
         'flying_pixels (zoedepth_ros/geometry/filters.py:58)', 'filters'),
        (f'{WORK};Clouds._cloud (zoedepth_ros/pipeline/clouds.py:259);'
         'pack_points (zoedepth_ros/geometry/points.py:91)', 'packing'),
        (f'{WORK};write_depth (zoedepth_ros/geometry/filters.py:90)', 'packing'),
        (f'{WORK};publish depth/points (node_profile.py:212);{SEND}', 'publishing depth/points'),
        (f'{WORK};publish depth/image (node_profile.py:212);{SEND}', 'publishing depth/image'),
        (f'{WORK};publish depth/camera_info (node_profile.py:212);{SEND}', 'publishing the rest'),
        (f'{WORK};publish domain (node_profile.py:212);{SEND}', 'publishing the rest'),
        (f'{WORK};HeadPolicy.update (zoedepth_ros/pipeline/head_policy.py:70)',
         'everything else'),
        (f'{WORK};write (zoedepth_ros/benchmark/node/node_protocol.py:45)', ''),
        (f'{WORK};Mailbox.take (zoedepth_ros/ros/inference_thread.py:40);'
         'Condition.wait (threading.py:327)', None),
    ],
)  # fmt: skip
def test_stacks_of_the_node_are_classified(stack, kind):
    assert node_profile.kind_of(stack) == kind


def test_the_cpu_time_of_a_thread_is_distributed_over_its_samples():
    stacks = (
        f'thread (70): MainThread;{EXECUTOR};_take_subscription (rclpy/executors.py:481) 3\n'
        f'thread (70): MainThread;{EXECUTOR};Executor._wait (rclpy/executors.py:796) 1\n'
        f'thread (70): MainThread;{EXECUTOR};Condition.wait (threading.py:331) 50\n'
        f'thread (0x48): inference;{WORK};{SEND} 2\n'
        f'thread (0x48): inference;{WORK};write (/benchmark/node/node_protocol.py:45) 2\n'
        'a torn stack 7\n'
    )
    samples, tids = node_profile.sorted_samples(stacks)
    assert tids == {'MainThread': 70, 'inference': 72}
    rows = node_profile.in_ms(samples, tids, {70: 4.0, 72: 2.0, 99: 0.5}, images=1000)
    found = {row: {kind: ms for kind, ms in kinds.items() if ms} for row, kinds in rows.items()}
    assert found == {
        'inference thread': {'publishing the rest': 1.0},
        'executor thread': {'taking messages': 3.0, 'executor, callbacks': 1.0},
        'threads without Python': {'everything else': 0.5},
    }


def test_the_stack_of_a_publish_contains_the_topic():
    names = []

    def send(publishers, topic, msg):
        names.append(inspect.stack()[1].function)

    node_profile._frame(send, 'depth/points')('publishers', 'message')
    assert names == ['publish depth/points']


def test_without_py_spy_the_error_names_the_package(monkeypatch):
    monkeypatch.setattr(node_profile.shutil, 'which', lambda *args, **kwargs: None)
    with pytest.raises(SystemExit, match='pip install py-spy'):
        node_profile.profile_node()


def test_profiles_that_are_kept_name_hardware_command_and_date():
    profiles = sorted((ROOT / 'docs/benchmarks').glob('profile_*.json'))
    assert profiles
    for path in profiles:
        found = json.loads(path.read_text())
        what = path.stem.removeprefix('profile_')
        assert found['command'] == f'python scripts/docs_performance.py --profile {what}'
        assert re.fullmatch(r'20\d\d-\d\d-\d\d', found['date']), path.name
        assert 'cores of' in found['cpu'], path.name
        assert found['versions']['torch'], path.name


def test_reports_that_are_kept_name_hardware_command_and_date():
    reports = [p for p in (ROOT / 'docs/benchmarks').glob('*.json') if 'profile' not in p.name]
    assert reports
    for path in reports:
        content = json.loads(path.read_text())
        command = 'python scripts/soak.py ' if 'soak' in path.name else 'zoedepth benchmark '
        facts = content['machine' if 'soak' in path.name else 'facts']
        assert content['command'].startswith(command), path.name
        assert re.fullmatch(r'20\d\d-\d\d-\d\d', content['date']), path.name
        assert facts['cpu'], path.name
        assert facts['versions']['torch'], path.name
        assert '/' not in content['command'].removeprefix(command), path.name


def report(name):
    """Return the content of a report."""
    return json.loads((ROOT / f'docs/benchmarks/{name}.json').read_text())


def section(page, title):
    """Return the text below a heading."""
    return (ROOT / page).read_text().partition(f'## {title}')[2].partition('\n## ')[0]


def cells(text):
    """Return the cells of the rows of every table in a text."""
    rows = [line.strip('|').split('|') for line in text.splitlines() if line.startswith('| ')]
    return [[cell.strip(' *`') for cell in row] for row in rows]


def test_the_tables_of_the_network_are_those_of_its_report():
    found = report('network_cpu')['network']
    rows = cells(section('docs/performance.md', 'The network'))
    sides = {row[0]: row[1:] for row in rows if len(row) == 6}
    keys = {row[0]: row[1] for row in rows if len(row) == 3}
    own = sides.pop('ours, bf16, as the node runs it')
    assert float(own[0]) == pytest.approx(found['latency_ms_median'], abs=0.5)
    titles = {side['title']: side for side in found['variants'].values()}
    assert sides.keys() - {'implementation'} == titles.keys()
    for title, side in titles.items():
        median_ms, span, longer, deviation, _ = sides[title]
        times = side['latency_ms']
        assert float(median_ms) == pytest.approx(times['median_ms'], abs=0.5), title
        assert span == f'{times["p5_ms"]:.0f} to {times["p95_ms"]:.0f}', title
        assert float(longer) == pytest.approx(side['times_longer_than_ours'], abs=0.005), title
        if deviation != '–':
            expected = side['mean_relative_deviation']
            assert float(deviation) == pytest.approx(expected, rel=0.06), title
    exact = {key for key in keys if re.fullmatch(r'speedup_\w+|latency_ms_median', key)}
    assert len(exact) >= 5
    for key in keys.keys() - {'key'}:
        rel = 0.01 if key in exact else 0.06
        assert float(keys[key]) == pytest.approx(found[key], rel=rel, abs=1e-9), key


def test_the_speeds_in_the_readme_are_those_of_the_report():
    found = report('network_cpu')['network']
    _, *rows = cells(section('README.md', 'Speed'))
    sides = [found['variants'][name] for name in ('ours_fp32', 'transformers', 'official')]
    times_ms = [found['latency_ms_median'], *(side['latency_ms']['median_ms'] for side in sides)]
    longer = [1.0, *(side['times_longer_than_ours'] for side in sides)]
    assert [float(row[1]) for row in rows] == pytest.approx(times_ms, abs=0.5)
    assert [float(row[2]) for row in rows] == pytest.approx(longer, abs=0.005)


def test_the_table_of_other_runtimes_is_that_of_its_reports():
    _, *rows = cells(section('docs/performance.md', 'Other runtimes'))
    assert len(rows) == 5
    for file, place in (('runtimes_cpu', 1), ('runtimes_small_cpu', 4)):
        found = report(file)['network']
        titles = {x['title']: x for x in found['variants'].values()}
        assert float(rows[0][place]) == pytest.approx(found['latency_ms_median'], rel=0.01)
        assert float(rows[0][place + 2]) == pytest.approx(found['mean_relative_deviation'], 0.05)
        for row in rows[1:]:
            side = titles[row[0].partition(' (')[0]]
            written = [float(cell) for cell in row[place : place + 3]]
            assert written == pytest.approx(
                [
                    side['latency_ms']['median_ms'],
                    side['times_longer_than_ours'],
                    side['mean_relative_deviation'],
                ],
                rel=0.05,
            )


def test_the_node_s_figures_on_the_page_are_those_of_its_report():
    single = report('node_cpu')['node']['single']
    text = section('docs/performance.md', 'The node around the network')
    both = (('overhead_ms', 'naive_overhead_ms'), ('latency_ms', 'naive_latency_ms'))
    wanted = [[one[key] for key in keys] for keys in both for one in single.values()]
    rows = re.findall(r'^\| (?:\d|and)[^|]*\| ([\d.]+) \| ([\d.]+)', text, re.MULTILINE)
    assert len(rows) == 12
    for row, figures in zip(rows, wanted, strict=True):
        assert [float(cell) for cell in row] == pytest.approx(figures, abs=0.006)
