"""Every command checks its arguments before the work, with one exit code."""

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from dataset_files import write_sample
from videos import write_avi

import zoedepth_ros.build
from zoedepth_ros.cli import exit_codes
from zoedepth_ros.cli.main import main


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Fail if a network is built before the arguments are checked."""

    def build(*_, **__):
        pytest.fail('a network was built before the arguments were checked')

    for name in ('build_predictor', 'build_network'):
        monkeypatch.setattr(zoedepth_ros.build, name, build)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with an image, a video, a file and a folder with a data set."""
    monkeypatch.chdir(tmp_path)
    cv2.imwrite('a.png', np.zeros((30, 40, 3), np.uint8))
    write_avi(tmp_path / 'a.avi', 1, size=(30, 40))
    (tmp_path / 'file').touch()
    write_sample(tmp_path / 'data', 'a', np.full((30, 40), 2000))
    return tmp_path


def code_of(command):
    """Run a command line and return its exit code."""
    if command.startswith('view'):
        pytest.importorskip('rerun')
    if command.startswith('bag') or '.mcap' in command:
        pytest.importorskip('mcap')
    try:
        return main(command.split())
    except SystemExit as leaving:
        return leaving.code


FOLDER = 'evaluate --dataset folder --root data --domain indoor'
FIT = 'calibrate uncertainty --dataset folder --root data --domain indoor'


@pytest.mark.parametrize(
    'command',
    [
        'predict typo.jpg',
        'predict typo.mp4 typo.jpg',
        'predict typo/',
        'calibrate a.png typo.jpg --distance 2',
        'view typo.jpg --save x.rrd',
        'view typo.mcap --save x.rrd',
        'bag typo.mcap out.mcap',
        'bag typo.mcap typo.db3 out',
        'evaluate --dataset folder --root typo --domain indoor',
        'compare typo.json --over ZoeD_M12_NK',
        'train typo.yaml',
        'export tensorrt --from typo.onnx --out x.engine',
    ],
)
def test_a_missing_input_is_named_with_the_same_exit_code_in_every_command(place, capsys, command):
    assert code_of(command) == exit_codes.REFUSED
    captured = capsys.readouterr()
    assert 'typo' in captured.err
    assert 'Errno' not in captured.err


@pytest.mark.parametrize(
    ('command', 'place_named'),
    [
        ('predict a.png --out file/x', 'file'),
        ('predict a.png --out file', 'file'),
        (f'{FOLDER} --json file/a.json', 'file'),
        (f'{FOLDER} --json data', 'data'),
        (f'{FOLDER} --csv file/a.csv', 'file'),
        (f'{FOLDER} --json /proc/a.json', '/proc'),
        (f'{FOLDER} --worst 1 --out file/x', 'file'),
        (f'{FOLDER} --worst 1 --out /proc/x', '/proc/x'),
        ('evaluate --dataset synthetic --json data', 'data'),
        ('calibrate a.png --distance 2 --out data', 'data'),
        ('calibrate a.png --distance 2 --out file/x.yaml', 'file'),
        ('view a.png --save data', 'data'),
        ('export onnx --out file/x.onnx', 'file'),
        ('export tensorrt --from a.onnx --out data', 'data'),
        ('benchmark network --json data', 'data'),
    ],
)
def test_an_unwritable_output_is_named_before_the_work(place, capsys, command, place_named):
    before = sorted(place.rglob('*'))
    assert code_of(command) == exit_codes.REFUSED
    assert place_named in capsys.readouterr().err
    assert sorted(place.rglob('*')) == before


@pytest.mark.parametrize(
    ('command', 'option'),
    [
        ('predict a.png --rate 2', '--rate'),
        ('predict a.avi --no-filter-edge', '--filter-edge'),
        ('predict a.png --rectified raw', '--rectified'),
        ('calibrate a.png --distance 1 --rectified raw', '--rectified'),
        ('view a.png --save x.rrd --rectified raw', '--rectified'),
        ('evaluate --dataset synthetic --split-list l.txt', '--split-list'),
        ('evaluate --dataset synthetic --skip-damaged', '--skip-damaged'),
        ('evaluate --dataset synthetic --domain indoor', '--domain'),
        ('evaluate --dataset synthetic --steps-per-m 256', '--steps-per-m'),
        ('evaluate --dataset synthetic --out x', '--out'),
        ('evaluate --dataset nyu --root data --domain indoor', '--domain'),
        ('evaluate --dataset nyu --root data --steps-per-m 1000', '--steps-per-m'),
        ('evaluate --dataset nyu --root data --seed 1', '--seed'),
        (f'{FOLDER} --split-list l.txt', '--split-list'),
        ('calibrate a.png --camera-height 1 --hfov 60 --box 1,1,2,2', '--box'),
        ('calibrate a.png --distance 1 --pitch 3', '--pitch'),
        (
            'calibrate a.png --distance 1 --focal-correction off --training-hfov 60',
            '--training-hfov',
        ),
        ('view a.png --save x.rrd --rate 2', '--rate'),
        ('view a.png --save x.rrd --image /camera', '--image'),
        ('view a.png --save x.rrd --recover', '--recover'),
        ('export onnx --out x.onnx --from a.onnx', '--from'),
        ('export onnx --out x.onnx --precision fp16', '--precision'),
        ('export tensorrt --from a.onnx --out x.engine --head indoor', '--head'),
        ('export tensorrt --from a.onnx --out x.engine --weights w.pt', '--weights'),
        (f'{FIT} --weights a.safetensors --into-weights --out a.yaml', '--out'),
        (f'{FIT} --weights a.safetensors --seed 3', '--seed'),
    ],
)
def test_an_option_without_effect_is_rejected(place, capsys, command, option):
    assert code_of(command) == exit_codes.REFUSED
    assert option in capsys.readouterr().err


@pytest.mark.parametrize(
    ('command', 'reason'),
    [
        ('bag a.mcap b.mcap out.mcap', 'OUT must be a folder'),
        ('bag x/a.mcap y/a.mcap out', 'two of the recordings would be written to'),
        ('evaluate --dataset ibims', 'needs --root'),
        ('evaluate --dataset synthetic --root .', 'no effect on the data set synthetic'),
        ('evaluate --dataset nyu --root .', 'nyudepthv2_test_files_with_gt.txt'),
        ('evaluate --dataset moon --root .', "unknown data set 'moon'"),
        (f'{FOLDER} --uncertainty-plot plot', '--uncertainty-plot must be a .png or .jpg file'),
        (f'{FOLDER} --uncertainty-plot x.txt', '--uncertainty-plot must be a .png or .jpg file'),
        ('calibrate uncertainty --dataset trajectory', "unknown data set 'trajectory'"),
        (f'{FIT} --weights random', '--weights random gives no real depth'),
        (f'{FIT} --weights a.pt --into-weights', '--into-weights needs a safetensors file, got'),
    ],
)
def test_arguments_that_cannot_be_used_are_named(place, capsys, command, reason):
    assert code_of(command) == exit_codes.REFUSED
    assert reason in capsys.readouterr().err


WITH_CALIBRATION = [
    'predict a.png --calibration wide.yaml',
    'predict a.avi --calibration wide.yaml',
    'calibrate a.png --distance 2 --calibration wide.yaml',
    'view a.png --save x.rrd --calibration wide.yaml',
    'view a.avi --save x.rrd --calibration wide.yaml',
]


def write_calibration(path, width, height, matrix):
    path.write_text(
        f'image_width: {width}\nimage_height: {height}\n'
        f'camera_matrix: {{rows: 3, cols: 3, data: {matrix}}}\n'
        'distortion_coefficients: {rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}\n'
    )


@pytest.mark.parametrize('command', WITH_CALIBRATION)
def test_a_calibration_of_no_camera_is_named_before_the_images(place, capsys, command):
    metres = '[0.0041, 0, 0.0032, 0, 0.0041, 0.0024, 0, 0, 1]'
    write_calibration(place / 'wide.yaml', 40, 30, metres)
    assert code_of(command) == exit_codes.REFUSED
    error = capsys.readouterr().err
    assert 'wide.yaml: P is impossible: fx = 0.0041 px' in error
    assert 'a.png' not in error
    assert 'a.avi' not in error


@pytest.mark.parametrize('command', WITH_CALIBRATION)
def test_a_calibration_for_another_image_shape_is_named(place, capsys, command):
    write_calibration(place / 'wide.yaml', 1280, 720, '[900, 0, 640, 0, 900, 360, 0, 0, 1]')
    assert code_of(command) == exit_codes.REFUSED
    error = capsys.readouterr().err
    assert '1280 x 720' in error
    assert '(wide.yaml)' in error
    assert '40 x 30' in error


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (b'\x80\x81', 'expected UTF-8'),
        (b'heads: [', 'not YAML'),
        (b'#' * 2_000_000, 'at most 1,048,576 bytes'),
        (b'format: other', 'zoedepth scale 1'),
        (None, 'No such file'),
    ],
)
@pytest.mark.parametrize('command', ['bag a.png o.mcap', 'predict a.png', 'view a.png --save x'])
def test_a_scale_file_that_cannot_be_used_is_named(place, capsys, command, content, reason):
    if content is not None:
        (place / 's.yaml').write_bytes(content)
    assert code_of(f'{command} --scale-file s.yaml') == exit_codes.REFUSED
    error = capsys.readouterr().err
    assert error.startswith('zoedepth: error: s.yaml: ')
    assert reason in error
    assert len(error) < 500


@pytest.fixture
def recording(place):
    pytest.importorskip('rerun')
    pytest.importorskip('mcap')
    import bags
    from fake_predictor import FakePredictor

    from zoedepth_ros.bags.add_depth import add_depth
    from zoedepth_ros.bags.plan import DepthOptions, Job, make_plan

    source = bags.write_mcap(place / 'in.mcap', bags.drive(1))
    add_depth(make_plan(Job(source, place / 'depth.mcap', DepthOptions())), FakePredictor(2.0))


@pytest.mark.parametrize(
    ('options', 'named'),
    [
        ('depth.mcap --model ZoeD_S_NK', '--model'),
        ('depth.mcap --weights random', '--weights'),
        ('depth.mcap --device cpu', '--device'),
        ('depth.mcap --precision fp32', '--precision'),
        ('depth.mcap --head indoor', '--head'),
        ('depth.mcap --depth-max 3', '--depth-max'),
        ('depth.mcap --no-filter-sky', '--filter-sky'),
        ('depth.mcap --predict --depth-topic /depth/image', '--depth-topic'),
        ('depth.mcap --depth-topic /typo/image', '--depth-topic'),
        ('in.mcap --depth-topic /depth/image', '--depth-topic'),
    ],
)
def test_an_option_for_predicting_is_rejected_where_depth_was_recorded(
    place, recording, capsys, options, named
):
    assert code_of(f'view {options} --save x.rrd') == exit_codes.REFUSED
    assert named in capsys.readouterr().err


@pytest.mark.parametrize(
    ('name', 'reason'),
    [
        ('x.onnx', 'cannot be opened by ONNX Runtime'),
        ('x.engine', 'backend tensorrt needs TensorRT'),
    ],
)
def test_a_damaged_exported_network_is_rejected_by_its_runtime(
    place, monkeypatch, capsys, name, reason
):
    monkeypatch.undo()  # the real builders
    monkeypatch.setitem(sys.modules, 'tensorrt', None)
    (place / name).write_bytes(b'\x08\x0a')
    image = str(place / 'a.png')
    assert main(['predict', image, '--weights', str(place / name)]) == exit_codes.REFUSED
    assert reason in capsys.readouterr().err


def test_help_and_documentation_have_the_table_of_exit_codes(capsys):
    from docs_pages import ROOT

    page = (ROOT / 'docs' / 'troubleshooting.md').read_text(encoding='utf-8')
    with pytest.raises(SystemExit):
        main(['--help'])
    help_text = ' '.join(capsys.readouterr().out.split())
    for code, meaning in exit_codes.MEANINGS.items():
        assert f'| {code} | {meaning} |' in page
        assert f'{code}: {meaning}' in help_text


def test_an_evaluation_shows_progress(use, place, capfd):
    from constant_network import ConstantNetwork

    for number in range(19):
        for folder in ('rgb', 'depth'):
            (place / f'data/{folder}/{number}.png').hardlink_to(place / f'data/{folder}/a.png')
    use(ConstantNetwork(lambda image, head: np.full((6, 8), 2.0)))
    assert main(FOLDER.split()) == 0
    lines = capfd.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith('20 of 20 images')]
    assert len(lines) >= 10  # more on a slow machine: a line a minute at least


WITH_FULL_DISK = """
import resource, sys
import numpy as np
import zoedepth_ros.build
from fake_predictor import FakePredictor
from zoedepth_ros.cli.main import main
zoedepth_ros.build.build_predictor = lambda *_, **__: FakePredictor(2.0)
resource.setrlimit(resource.RLIMIT_FSIZE, (4500, 4500))
sys.exit(main(sys.argv[1:]))
"""


def test_a_full_disk_is_reported_and_leaves_no_partial_file(place):
    from docs_pages import ROOT

    folders = [str(ROOT / 'test' / 'support'), *filter(None, sys.path)]
    command = [sys.executable, '-c', WITH_FULL_DISK, 'predict', 'a.png', '--out', 'out']
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(folders)},
    )
    assert done.returncode == exit_codes.FAILED, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert 'zoedepth: error: out/a_depth.npy: cannot be written: ' in last
    assert '4,928 bytes are needed' in last  # 30 x 40 of 4 bytes and the header of 128
    for path in (place / 'out').iterdir():
        assert path.name == 'a_depth.png'
        assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED).shape == (30, 40)
