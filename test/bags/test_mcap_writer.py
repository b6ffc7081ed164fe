import os
import random
import resource
import shutil
from itertools import pairwise

import bags
import numpy as np
import pytest
from fake_predictor import FakePredictor

from zoedepth_ros.bags import memory
from zoedepth_ros.bags.add_depth import add_depth
from zoedepth_ros.bags.contents import Channel, Message
from zoedepth_ros.bags.errors import RecordingError, ResumeError
from zoedepth_ros.bags.mcap_writer import McapWriter, memory_path, partial_path
from zoedepth_ros.files import WriteError
from zoedepth_ros.inference.result import InferenceError
from zoedepth_ros.inference.uncertainty import UncertaintyMap

CHATTER = Channel('/chatter', 'std_msgs/msg/String', '', b'')


def write(output: McapWriter, first: int, count: int, size: int = 300_000) -> None:
    for number in range(first, first + count):
        output.write(Message(CHATTER, number, number, 0, bytes(size)))


def numbers(path) -> list[int]:
    return [message.time_ns for message in bags.read_mcap(path)]


def test_a_second_writer_that_overwrites_does_not_disturb_the_first(tmp_path):
    path = tmp_path / 'o.mcap'
    with McapWriter(path) as first:
        write(first, 0, 10)
        with pytest.raises(
            ResumeError, match='o.mcap.partial: another zoedepth process is writing this'
        ):
            McapWriter(path, overwrite=True)
        write(first, 10, 10)
    assert numbers(path) == list(range(20))


def test_a_writer_that_waited_for_the_lock_begins_a_file_of_its_own(tmp_path, monkeypatch):
    """It opened the partial file, which got its final name before the lock was free."""
    import fcntl

    path, real = tmp_path / 'o.mcap', fcntl.flock
    first = McapWriter(path)
    write(first, 0, 5)

    def finish_first(file, how):
        monkeypatch.setattr(fcntl, 'flock', real)
        first.__exit__(None)
        real(file, how)

    monkeypatch.setattr(fcntl, 'flock', finish_first)
    with McapWriter(path, overwrite=True) as second:
        assert numbers(path) == list(range(5))
        write(second, 100, 5)
        assert numbers(path) == list(range(5))
    assert numbers(path) == list(range(100, 105))


def test_a_file_that_appears_meanwhile_is_not_replaced_and_nothing_is_lost(tmp_path):
    path = tmp_path / 'o.mcap'
    output = McapWriter(path)
    write(output, 0, 3)
    path.write_bytes(b'precious')
    with pytest.raises(RecordingError, match='o.mcap exists'):
        output.__exit__(None)
    assert path.read_bytes() == b'precious'
    path.unlink()
    with McapWriter(path) as output:
        assert output.kept_bytes > 900_000
        write(output, 0, 3)
    assert numbers(path) == [0, 1, 2]


def test_a_partial_file_that_was_swapped_is_not_given_the_final_name(tmp_path):
    path = tmp_path / 'o.mcap'
    output = McapWriter(path)
    write(output, 0, 3)
    partial_path(path).unlink()
    partial_path(path).write_bytes(b'precious')
    with pytest.raises(RecordingError, match='removed or replaced'):
        output.__exit__(None)
    assert not path.exists()
    assert partial_path(path).read_bytes() == b'precious'


@pytest.mark.parametrize('overwrite', [False, True])
@pytest.mark.parametrize('name', ['o.mcap.partial', 'o.mcap.partial.state'])
def test_a_link_is_not_written_through(tmp_path, name, overwrite):
    source = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(1))
    precious = tmp_path / 'precious'
    precious.write_bytes(b'mine')
    (tmp_path / name).symlink_to(precious)
    with pytest.raises(OSError, match=f'{name}: the file is a symbolic link'):
        convert(source, tmp_path / 'o.mcap', overwrite=overwrite)
    (tmp_path / name).unlink()
    os.link(precious, tmp_path / name)
    with pytest.raises(OSError, match=f'{name}: the file has several hard links'):
        convert(source, tmp_path / 'o.mcap', overwrite=overwrite)
    assert precious.read_bytes() == b'mine'


@pytest.mark.parametrize('overwrite', [False, True])
@pytest.mark.parametrize('name', ['p.mcap.partial', 'p.mcap.partial.state'])
@pytest.mark.parametrize('content', [b'my notes', b'\x89MCAP0\r\n of another program', bytes(99)])
def test_somebodys_own_file_of_that_name_is_left_alone(tmp_path, name, content, overwrite):
    source = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(1))
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RecordingError, match=f'{name} was not written by zoedepth'):
        convert(source, tmp_path / 'p.mcap', overwrite=overwrite)
    assert (tmp_path / name).read_bytes() == content
    assert not (tmp_path / 'p.mcap').exists()


def test_a_folder_of_that_name_is_called_so_before_the_work(tmp_path):
    source = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(1))
    (tmp_path / 'p.mcap').mkdir()
    with pytest.raises(RecordingError, match='p.mcap is a folder'):
        plan(source, tmp_path / 'p.mcap', overwrite=True)


def convert(source, target, predictor=None, *, overwrite=False, **options):
    work = plan(source, target, overwrite=overwrite, **options)
    return add_depth(work, predictor or switching_predictor())


def plan(source, target, **options):
    return bags.plan(source, target, router_rate_hz=0.0, **options)


IMAGES = 30


def number_of(rgb: np.ndarray) -> int:
    return int(rgb[0, 0, 0])


def long_drive(size=(240, 320)) -> list[bags.Written]:
    messages = []
    for number in range(IMAGES):
        rgb = np.full((*size, 3), number, np.uint8)
        time_ns = 10**18 + number * 3 * 10**8
        messages += [bags.camera_info(time_ns, size=size), bags.image(rgb, time_ns)]
    return messages


def switching_predictor() -> FakePredictor:
    """Its router changes its mind every few images, slowly and not alike; heads differ by 2."""

    def router(rgb):
        number = number_of(rgb)
        indoor = (0.9 if number // 5 % 2 else 0.2) + 0.01 * (number % 7)
        return {'indoor': indoor, 'outdoor': 1.0 - indoor}

    def depth(rgb, head):
        metres = 0.1 * (1.0 + number_of(rgb)) * (2.0 if head == 'outdoor' else 1.0)
        return np.full(rgb.shape[:2], metres, np.float32)

    return FakePredictor(depth, router=router)


class StoppedError(Exception):
    pass


def stop_after(count):
    seen = []

    def advance():
        seen.append(0)
        if len(seen) == count:
            raise StoppedError

    return advance


def convert_all_but_the_name(source, target, predictor=None, **options) -> None:
    """Leave everything of a run that was killed before it gave the file its final name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(McapWriter, '_rename', lambda self: (_ for _ in ()).throw(StoppedError))
        with pytest.raises(StoppedError):
            convert(source, target, predictor, **options)


def cut_and_resume(source, target, chance, size, make_predictor, *, lost=0.0, **options) -> None:
    """Cut the unfinished file three times, ever shorter, and resume, each time up to some image.

    lost: how often a power cut takes states along.
    """
    for cut in sorted(chance.sample(range(size), 3), reverse=True):
        os.truncate(partial_path(target), min(cut, partial_path(target).stat().st_size))
        if chance.random() < lost:
            os.truncate(memory_path(target), chance.randrange(memory_path(target).stat().st_size))
        work = plan(source, target, **options)
        with pytest.raises(StoppedError):
            add_depth(work, make_predictor(), stop_after(chance.randrange(1, IMAGES)))


@pytest.fixture(scope='module')
def drive(tmp_path_factory):
    """Give source, the uninterrupted result, and everything of a run killed before its rename."""
    folder = tmp_path_factory.mktemp('drive')
    source = bags.write_mcap(folder / 'in.mcap', long_drive())
    predictor = switching_predictor()
    convert(source, folder / 'whole.mcap', predictor, domain=True)
    heads = [message.head for message in domains(folder / 'whole.mcap')]
    assert sum(a != b for a, b in pairwise(heads)) >= 4
    assert not memory_path(folder / 'whole.mcap').exists()
    convert_all_but_the_name(source, folder / 'out.mcap', domain=True)
    return source, (folder / 'whole.mcap').read_bytes(), folder / 'out.mcap'


@pytest.fixture
def begun(tmp_path, drive):
    """Give source, the uninterrupted result, and the target of work that was killed."""
    source, whole, killed = drive
    target = tmp_path / 'out.mcap'
    shutil.copy(partial_path(killed), partial_path(target))
    shutil.copy(memory_path(killed), memory_path(target))
    return source, whole, target


def domains(path):
    from zoedepth_ros.bags.cdr import DOMAIN, decode

    return [decode(m.data, DOMAIN) for m in bags.read_mcap(path) if m.topic == '/domain']


@pytest.mark.parametrize('seed', range(12))
def test_resumed_work_with_head_switches_is_the_uninterrupted_work(begun, seed):
    """Killed three times, each time anywhere; now and then a power cut takes states along."""
    source, whole, target = begun
    cut_and_resume(
        source,
        target,
        random.Random(seed),
        len(whole),
        switching_predictor,
        lost=0.4,
        domain=True,
    )
    report = convert(source, target, domain=True)
    assert (report.images, report.depths, report.clouds) == (IMAGES, IMAGES, IMAGES)
    assert target.read_bytes() == whole
    assert not partial_path(target).exists()
    assert not memory_path(target).exists()


def test_what_was_done_with_its_state_is_not_predicted_again(begun):
    source, whole, target = begun
    os.truncate(partial_path(target), len(whole) // 2)
    again = switching_predictor()
    report = convert(source, target, again, domain=True)
    assert IMAGES // 3 < report.reused <= IMAGES // 2 + 1
    assert again.calls in (IMAGES - report.reused, IMAGES - report.reused + 1)


def test_states_of_another_version_are_not_used_and_the_work_is_the_uninterrupted_work(
    begun, monkeypatch
):
    source, whole, target = begun
    os.truncate(partial_path(target), len(whole) // 2)
    monkeypatch.setattr(memory, 'FORM', memory.FORM + 1)
    again = switching_predictor()
    convert(source, target, again, domain=True)
    assert again.calls >= IMAGES
    assert target.read_bytes() == whole


def test_an_image_whose_cloud_was_not_written_gets_it_from_its_own_head(tmp_path, drive):
    """The cut is put between every depth image and its cloud."""
    source, _, killed = drive
    done = 0
    for cut in chunk_ends(partial_path(killed)):
        target = tmp_path / 'out.mcap'
        partial_path(target).write_bytes(partial_path(killed).read_bytes()[:cut])
        shutil.copy(memory_path(killed), memory_path(target))
        convert(source, target, domain=True)
        depths = bags.messages_of(target, '/depth/image')
        clouds = bags.messages_of(target, '/depth/points')
        for depth, cloud in zip(depths, clouds, strict=True):
            z = cloud.data.reshape(-1, 16)[:, 8:12].copy().view('<f4')
            assert np.nanmedian(z) == depth.data.view('<f4')[0]
        target.unlink()
        done += 1
    assert done >= 5


def chunk_ends(path) -> list[int]:
    from mcap.reader import make_reader

    with path.open('rb') as file:
        chunks = make_reader(file).get_summary().chunk_indexes
    return [c.chunk_start_offset + c.chunk_length for c in chunks]


def test_other_settings_leave_the_state_of_the_first_ones(begun):
    source, whole, target = begun
    before = memory_path(target).read_bytes()
    with pytest.raises(ResumeError, match='different settings'):
        convert(source, target, depth_encoding='16UC1')
    with pytest.raises(ResumeError, match='different settings'):
        convert(source, target, FakePredictor(2.0, precision='bf16'), domain=True)
    calibrated = switching_predictor()
    calibrated.uncertainty_maps = {'indoor': UncertaintyMap(1.0)}
    with pytest.raises(ResumeError, match='different settings'):
        convert(source, target, calibrated, domain=True)
    assert memory_path(target).read_bytes() == before
    assert convert(source, target, domain=True).reused == IMAGES
    assert target.read_bytes() == whole


def hard_drive() -> list[bags.Written]:
    """Images of 16 bits whose largest value grows, at irregular times; camera_info changes."""
    chance = random.Random(1)
    messages = []
    for number in range(IMAGES):
        time_ns = 10**18 + number * 10**8 + chance.randrange(4 * 10**7)
        values = np.full((240, 320), 100 * number + (30_000 if number > 20 else 0), '<u2')
        kind = bags.STORE.types['sensor_msgs/msg/Image']
        data = values.view(np.uint8).reshape(-1)
        image = kind(bags.header(time_ns), 240, 320, 'mono16', 0, 640, data)
        info = bags.camera_info(time_ns, focal_px=50.0 + number // 9, size=(240, 320))
        messages += [info, bags.serialized(bags.IMAGE, time_ns + 5, image)]
    return messages


def failing_predictor(fails) -> FakePredictor:
    """Choose heads and depth by the brightness; fail at the calls with these numbers."""
    calls = []

    def router(rgb):
        calls.append(0)
        if len(calls) in fails:
            raise InferenceError('NaN')
        indoor = (0.9 if rgb[0, 0, 0] // 50 % 2 else 0.1) + 0.0001 * int(rgb[0, 0, 0])
        return {'indoor': indoor, 'outdoor': 1.0 - indoor}

    def depth(rgb, head):
        metres = 1.0 + int(rgb[0, 0, 0]) / 20.0 * (2.0 if head == 'outdoor' else 1.0)
        return np.full(rgb.shape[:2], metres, np.float32)

    return FakePredictor(depth, router=router)


@pytest.mark.parametrize('seed', range(20))
def test_all_that_has_a_memory_is_as_in_uninterrupted_work(tmp_path, seed):
    """Bits by the largest value, the rate's grid, camera_info, the head, images that failed."""
    chance = random.Random(seed)
    options = {'domain': True, 'uncertainty': True, 'depth_rate_hz': 7.0}
    source = bags.write_mcap(tmp_path / 'in.mcap', hard_drive())
    target = tmp_path / 'out.mcap'
    fails = set(chance.sample(range(2, 15), 3))
    convert(source, tmp_path / 'whole.mcap', failing_predictor(fails), **options)
    whole = (tmp_path / 'whole.mcap').read_bytes()
    assert len({message.head for message in domains(tmp_path / 'whole.mcap')}) == 2
    convert_all_but_the_name(source, target, failing_predictor(fails), **options)
    cut_and_resume(source, target, chance, len(whole), lambda: failing_predictor(()), **options)
    report = convert(source, target, failing_predictor(()), **options)
    assert report.skipped['inference failed'] == 3
    assert target.read_bytes() == whole


def floor_and_box(rgb: np.ndarray, head: str) -> np.ndarray:
    """Return a floor below the camera that wobbles in scale, and a box that moves."""
    height, width = rgb.shape[:2]
    number = number_of(rgb)
    rows = np.arange(height, dtype=np.float32)[:, None] - (height - 1) / 2
    floor_m = np.where(rows > 0, 50.0 / np.maximum(rows, 1e-3), np.inf)
    wall_m = 8.0 if head == 'indoor' else 40.0
    depth_m = np.minimum(floor_m, wall_m) * np.ones((1, width))
    left = width // 3 + 2 * (number % 7)
    depth_m[height // 3 : height // 2, left : left + width // 6] = 2.5
    return (depth_m * (1.0 + 0.03 * (number % 3))).astype(np.float32)


@pytest.mark.parametrize('most_bytes', [memory.MOST_BYTES, 100_000])
@pytest.mark.parametrize('seed', range(4))
def test_resumed_work_with_scale_and_filters_is_the_uninterrupted_work(
    tmp_path, monkeypatch, seed, most_bytes
):
    """Killed anywhere, with head switches, scale source, temporal and flicker filters."""
    monkeypatch.setattr(memory, 'MOST_BYTES', most_bytes)
    chance = random.Random(seed)
    options = {
        'domain': True,
        'obstacles': True,
        'cliffs': True,
        'scale_source': 'height',
        'camera_height_m': 1.3,
        'filter_temporal': True,
        'filter_flicker': True,
        'router_handover_s': 1.0,
        'scan_enabled': True,
        'scan_mode': 'height',
    }

    def predictor():
        return FakePredictor(floor_and_box, router=switching_predictor().router)

    source = bags.write_mcap(tmp_path / 'in.mcap', long_drive())
    target = tmp_path / 'out.mcap'
    convert(source, tmp_path / 'whole.mcap', predictor(), **options)
    whole = (tmp_path / 'whole.mcap').read_bytes()
    scales = {float(np.nanmin(depth_of(m))) for m in depths(tmp_path / 'whole.mcap')}
    assert len(scales) > IMAGES // 2, 'the scale moves'
    convert_all_but_the_name(source, target, predictor(), **options)
    cut_and_resume(source, target, chance, len(whole), predictor, lost=0.3, **options)
    convert(source, target, predictor(), **options)
    assert target.read_bytes() == whole


def test_the_state_of_unfinished_work_stays_small(tmp_path, monkeypatch):
    """With a temporal filter it has two depth maps of 300 kB, which do not compress here."""
    monkeypatch.setattr(memory, 'MOST_BYTES', 1 << 20)

    def depth(rgb, head):
        return np.random.default_rng(number_of(rgb)).uniform(1.0, 9.0, rgb.shape[:2])

    def predictor():
        return FakePredictor(depth, router=switching_predictor().router)

    target, sizes, options = tmp_path / 'out.mcap', [], {'filter_temporal': True}
    source = bags.write_mcap(tmp_path / 'in.mcap', long_drive())
    convert(source, tmp_path / 'whole.mcap', predictor(), **options)

    def look():
        sizes.append(memory_path(target).stat().st_size)
        stop()

    for count in (10, 20, 25):
        stop = stop_after(count)
        with pytest.raises(StoppedError):
            add_depth(plan(source, target, **options), predictor(), look)
    last = predictor()
    memory_path(target).with_name('out.mcap.partial.state.new').write_bytes(b'{"zoe')  # a kill
    report = convert(source, target, last, **options)
    assert max(sizes) < 5 * (1 << 20), 'all maps have more than 18 MB'
    assert report.reused >= 22
    assert last.calls <= IMAGES - 22
    assert target.read_bytes() == (tmp_path / 'whole.mcap').read_bytes()
    assert sorted(path.name for path in tmp_path.glob('out*')) == ['out.mcap']


def test_somebodys_own_file_in_place_of_a_new_state_is_left_alone(tmp_path):
    source = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(2))
    own = tmp_path / 'out.mcap.partial.state.new'
    own.write_text('my notes')
    with pytest.raises(RecordingError, match=r'state\.new was not written by zoedepth'):
        convert(source, tmp_path / 'out.mcap')
    assert own.read_text() == 'my notes'


def test_a_state_that_cannot_be_written_is_named(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9, limits[1]))
    try:
        with pytest.raises(WriteError, match='out.state: cannot be written: File too large'):
            memory.Memory(tmp_path / 'out.state', {}, anew=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def depths(path):
    return bags.messages_of(path, '/depth/image')


def depth_of(message) -> np.ndarray:
    values = message.data.view('<f4')
    return np.where(np.isfinite(values), values, np.nan)
