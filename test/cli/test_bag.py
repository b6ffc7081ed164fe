import re
import shutil

import bags
import pytest
from fake_predictor import FakePredictor

from zoedepth_ros.cli.main import main


@pytest.fixture
def predictor(use):
    return use(FakePredictor(2.0))


def test_one_recording_becomes_one_with_depth(tmp_path, predictor, capsys):
    source = bags.write_bag(tmp_path / 'in', bags.drive(3), 'sqlite3')
    assert main(['bag', str(source), str(tmp_path / 'out.mcap')]) == 0
    assert len(bags.messages_of(tmp_path / 'out.mcap', '/depth/image')) == 3
    out = capsys.readouterr().out
    assert 'out.mcap: 3 depth images of 3 images, 3 clouds' in out
    assert 'WARNING  A FAKE: NOT DEPTH' in out


def test_progress_is_shown_outside_a_terminal_too(tmp_path, predictor, capsys):
    sources = [bags.write_mcap(tmp_path / f'{n}.mcap', bags.drive(20)) for n in range(2)]
    assert main(['bag', *map(str, sources), str(tmp_path / 'out')]) == 0
    counts = [line.partition(' images')[0] for line in capsys.readouterr().err.splitlines()]
    first = [f'{n} of 20' for n in range(2, 21, 2)]
    assert counts == [*first, *(f'{n} of 40' for n in range(24, 41, 4))]


def test_every_option_reaches_the_recording(tmp_path, predictor):
    source = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(4))
    arguments = ['--image', bags.IMAGE, '--camera-info', bags.INFO, '--depth-topic', '/eye/depth']
    arguments += ['--depth-encoding', '16UC1', '--no-points', '--uncertainty', '--depth-rate', '5']
    arguments += ['--head', 'outdoor', '--compression', 'zstd']
    assert main(['bag', str(source), str(tmp_path / 'out.mcap'), *arguments]) == 0
    topics = {message.topic for message in bags.read_mcap(tmp_path / 'out.mcap')}
    assert topics - {bags.IMAGE, bags.INFO, bags.CHATTER} == {
        '/eye/depth',
        '/eye/camera_info',
        '/eye/uncertainty',
    }
    depths = bags.messages_of(tmp_path / 'out.mcap', '/eye/depth')
    assert [depth.encoding for depth in depths] == ['16UC1'] * 2
    assert predictor.requested_heads == ['outdoor'] * 2


def test_several_recordings_go_into_a_folder_and_a_bad_one_stops_no_other(
    tmp_path, predictor, capsys
):
    good = bags.write_mcap(tmp_path / 'good.mcap', bags.drive(1))
    bad = tmp_path / 'bad.mcap'
    bad.write_bytes(b'nothing')
    better = bags.write_bag(tmp_path / 'better', bags.drive(2))
    out = tmp_path / 'out'
    assert main(['bag', str(good), str(bad), str(better), str(out)]) == 1
    assert sorted(path.name for path in out.iterdir()) == ['better.mcap', 'good.mcap']
    assert re.search(r'zoedepth: error: .*bad.mcap: ', capsys.readouterr().err)


def test_results_are_named_after_their_recordings_whatever_dots_are_in_the_names(
    tmp_path, predictor, monkeypatch
):
    for name in ('run.1.mcap', 'run.2.mcap'):
        bags.write_mcap(tmp_path / name, bags.drive(1))
        shutil.rmtree(tmp_path / f'{name}_folder')
    bags.write_bag(tmp_path / 'bag.of.today', bags.drive(1))
    monkeypatch.chdir(tmp_path)
    assert main(['bag', 'run.1.mcap', 'run.2.mcap', 'bag.of.today', 'out']) == 0
    names = ['bag.of.today.mcap', 'run.1.mcap', 'run.2.mcap']
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == names
    monkeypatch.chdir(tmp_path / 'bag.of.today')
    assert main(['bag', '.', '../here/']) == 0
    assert [path.name for path in (tmp_path / 'here').iterdir()] == ['bag.of.today.mcap']
    (tmp_path / 'bag.of.today' / 'deeper').mkdir()
    monkeypatch.chdir(tmp_path / 'bag.of.today' / 'deeper')
    assert main(['bag', '..', '../../there/']) == 0
    assert [path.name for path in (tmp_path / 'there').iterdir()] == ['bag.of.today.mcap']


def test_a_damaged_recording_is_an_error_that_states_what_helps(tmp_path, predictor, capsys):
    source = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(5))
    source.write_bytes(source.read_bytes()[:-400])
    out = tmp_path / 'out.mcap'
    assert main(['bag', str(source), str(out)]) == 1
    assert not list(tmp_path.glob('out*'))
    assert '--recover' in capsys.readouterr().err
    assert main(['bag', str(source), str(out), '--recover']) == 0
    assert len(bags.messages_of(out, '/depth/image')) == 5
    assert 'recovered: ' in capsys.readouterr().out


def test_the_same_command_again_reports_that_it_is_done(tmp_path, predictor, capsys):
    source = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(2))
    command = ['bag', str(source), str(tmp_path / 'out.mcap')]
    assert main(command) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert main(command) == 0
    again = capsys.readouterr().out.splitlines()[0]
    assert again == first.replace('out.mcap: ', 'out.mcap: already finished, ')
    assert predictor.calls == 2
    assert main([*command, '--overwrite']) == 0
    assert predictor.calls == 4


def test_a_result_of_other_work_is_not_taken_for_this_ones(tmp_path, predictor, capsys):
    source = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(2))
    other = bags.write_mcap(tmp_path / 'other.mcap', bags.drive(1))
    out = tmp_path / 'out.mcap'
    assert main(['bag', str(source), str(out)]) == 0
    whole = out.read_bytes()
    capsys.readouterr()
    for command, reason in (
        (
            [str(source), '--head', 'indoor'],
            "made with router.mode 'auto' (this command: 'indoor')",
        ),
        ([str(source), '--weights', 'w'], "made with weights '' (this command: 'w')"),
        ([str(other)], 'made from another recording'),
    ):
        assert main(['bag', command[0], str(out), *command[1:]]) == 1
        expected = f'zoedepth: error: {out} exists and was {reason}; --overwrite replaces it\n'
        assert capsys.readouterr().err == expected
    assert out.read_bytes() == whole
    out.write_bytes(whole[:-1])  # cut: no longer a result
    assert main(['bag', str(source), str(out)]) == 1
    assert capsys.readouterr().err == f'zoedepth: error: {out} exists; --overwrite replaces it\n'


def test_missing_libraries_are_named_with_the_extra(monkeypatch, capsys):
    monkeypatch.setattr('zoedepth_ros.bags.errors.find_spec', lambda name: None)
    assert main(['bag', 'a.mcap', 'b.mcap']) == 2
    assert 'pip install "zoedepth_ros[bag]"' in capsys.readouterr().err


def test_jobs_are_done_side_by_side(tmp_path, monkeypatch, capsys):
    requested = []

    def run(jobs, model, count, watcher):
        requested.append((model.name, model.weights, count))
        return [(job, f'{job.source}: no') for job in jobs]

    monkeypatch.setattr('zoedepth_ros.bags.fleet.run_with_processes', run)
    for name in ('a.mcap', 'b.mcap'):
        (tmp_path / name).touch()
    names = [str(tmp_path / name) for name in ('a.mcap', 'b.mcap', 'out')]
    assert main(['bag', *names, '--jobs', '2', '--model', 'ZoeD_tiny_NK', '--weights', 'w']) == 1
    assert requested == [('ZoeD_tiny_NK', 'w', 2)]
    assert capsys.readouterr().err.count('mcap: no') == 2


def test_without_ray_its_name_and_install_line_are_given(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr('zoedepth_ros.bags.cluster.find_spec', lambda name: None)
    assert main(['bag', str(tmp_path / 'a.mcap'), str(tmp_path / 'b.mcap'), '--ray']) == 2
    assert 'pip install ray' in capsys.readouterr().err


def test_how_camera_info_is_read_is_an_option_and_is_reported(tmp_path, predictor, capsys):
    messages = [bags.camera_info(10**18, rectified_focal_px=55.0)]
    messages.append(bags.image(bags.rgb_image(0), 10**18))
    source = bags.write_mcap(tmp_path / 'in.mcap', messages)
    for arguments, words in (
        ([], "raw images (K with D): 'raw' in the name of /camera/image_raw"),
        (['--rectified', 'rectified'], 'rectified images (P): as configured'),
    ):
        out = tmp_path / f'out{len(arguments)}.mcap'
        assert main(['bag', str(source), str(out), *arguments]) == 0
        assert words in capsys.readouterr().out
