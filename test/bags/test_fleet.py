from dataclasses import replace

import bags
import pytest
from fake_model import DyingModel, FakeModel

from zoedepth_ros.bags.fleet import Counts, Model, run_here, run_with_processes
from zoedepth_ros.bags.plan import DepthOptions, Job, file_identity


def jobs(folder):
    sources = [bags.write_mcap(folder / f'{n}.mcap', bags.drive(n)) for n in (1, 2, 3)]
    (folder / 'bad.mcap').write_bytes(b'nothing')
    sources.insert(1, folder / 'bad.mcap')
    return [Job(path, folder / 'out' / path.name, DepthOptions()) for path in sources]


def check(results, folder):
    found = by_name(results)
    assert 'bad.mcap: not an MCAP file' in found.pop('bad.mcap')
    assert {name: r.depths for name, r in found.items()} == {
        '1.mcap': 1,
        '2.mcap': 2,
        '3.mcap': 3,
    }
    for number in (1, 2, 3):
        out = folder / 'out' / f'{number}.mcap'
        assert len(bags.messages_of(out, '/depth/points')) == number


def test_one_after_the_other_a_bad_one_stops_no_other(tmp_path):
    watcher = Counts([0, 0])
    check(list(run_here(jobs(tmp_path), FakeModel(), watcher)), tmp_path)
    assert watcher.values == [6, 6]


def test_processes_side_by_side_do_the_same_and_report_their_progress(tmp_path):
    watcher = Counts([0, 0])
    check(list(run_with_processes(jobs(tmp_path), FakeModel(), 2, watcher)), tmp_path)
    assert watcher.values == [6, 6]


def test_what_nobody_expects_of_a_job_is_its_failure_and_names_it(tmp_path, monkeypatch):
    from zoedepth_ros.bags import fleet

    def plan(job):
        if job.source.name == '2.mcap':
            raise RecursionError('maximum recursion depth exceeded')
        return real(job)

    real = fleet.make_plan
    monkeypatch.setattr(fleet, 'make_plan', plan)
    results = by_name(run_here(jobs(tmp_path), FakeModel(), Counts([0, 0])))
    expected = f'{tmp_path}/2.mcap: RecursionError: maximum recursion depth exceeded'
    assert results['2.mcap'] == expected
    assert (results['1.mcap'].depths, results['3.mcap'].depths) == (1, 3)


def test_damage_of_every_kind_stops_no_later_recording(tmp_path):
    """Named in the issue: an error of SQLite's, metadata that YAML's parser cannot end."""
    broken = bags.write_bag(tmp_path / 'broken', bags.drive(3), 'sqlite3')
    file = next(broken.glob('*.db3'))
    data = bytearray(file.read_bytes())
    data[4096:] = b'\xff' * len(data[4096:])
    file.write_bytes(data)
    deep = bags.write_bag(tmp_path / 'deep', bags.drive(2))
    (deep / 'metadata.yaml').write_text('[' * 20_000)
    empty = bags.write_bag(tmp_path / 'empty', bags.drive(2))
    next(empty.glob('*.mcap')).unlink()
    (empty / 'metadata.yaml').write_text('[' * 20_000)
    good = bags.write_mcap(tmp_path / 'good.mcap', bags.drive(1))
    work = [
        Job(path, tmp_path / 'out' / f'{path.stem}.mcap', DepthOptions())
        for path in (broken, deep, empty, good)
    ]
    results = by_name(run_here(work, FakeModel(), Counts([0, 0])))
    assert str(file) in results['broken']
    assert results['deep'].depths == 2
    assert results['deep'].damage == [
        f'{deep}/metadata.yaml: cannot be read: line 1: the values are nested too deeply; '
        'all recordings in the folder are read instead'
    ]
    assert (
        f'{empty}/metadata.yaml: cannot be read: line 1: the values are nested too deeply'
        in results['empty']
    )
    assert results['good.mcap'].depths == 1


def long_jobs(folder, count=4):
    sources = bags.long_recordings(folder, count)
    return [Job(path, folder / 'out' / path.name, DepthOptions()) for path in sources]


def by_name(results):
    return {job.source.name: result for job, result in results}


@pytest.mark.parametrize('loses_context', [False, True], ids=['killed', 'without its GPU'])
def test_a_process_that_dies_takes_no_other_recording_along_and_its_own_is_gone_on_with(
    tmp_path, loses_context
):
    work = long_jobs(tmp_path)
    model = DyingModel(str(tmp_path / 'died'), loses_context=loses_context)
    results = by_name(run_with_processes(work, model, 2, Counts([0, 0])))
    assert (tmp_path / 'died').exists()
    assert {name: r.depths for name, r in results.items()} == {f'{n}.mcap': 8 for n in range(4)}
    assert sum(bool(r.reused) for r in results.values()) == 1


def test_a_recording_on_which_every_process_dies_is_named_and_the_others_are_done(tmp_path):
    work = long_jobs(tmp_path)
    model = DyingModel(str(tmp_path / 'died'), always_at='2.mcap')
    results = by_name(run_with_processes(work, model, 2, Counts([0, 0])))
    assert (
        results.pop('2.mcap') == f'{tmp_path}/2.mcap: the process that processed this recording '
        'ended unexpectedly 2 times'
    )
    assert {name: getattr(r, 'depths', r) for name, r in results.items()} == {
        f'{n}.mcap': 8 for n in (0, 1, 3)
    }


def test_replaced_results_are_gone_on_with_too_when_a_process_dies(tmp_path):
    work = [replace(job, overwrite=True) for job in long_jobs(tmp_path, 2)]
    work[0].target.parent.mkdir()
    for job in work:
        job.target.write_bytes(b'old')
    model = DyingModel(str(tmp_path / 'died'))
    results = by_name(run_with_processes(work, model, 2, Counts([0, 0])))
    assert (tmp_path / 'died').exists()
    assert {name: r.depths for name, r in results.items()} == {'0.mcap': 8, '1.mcap': 8}
    assert sum(bool(r.reused) for r in results.values()) == 1


def test_another_attempt_does_not_replace_what_the_first_one_has_finished(tmp_path):
    (job,) = (replace(job, overwrite=True) for job in long_jobs(tmp_path, 1))
    job.target.parent.mkdir()
    job.target.write_bytes(b'old')
    before = file_identity(job.target)
    assert job.again(before) == replace(job, resume=True)
    ((_, first),) = run_here([job], FakeModel(), Counts([0, 0]))
    ((_, second),) = run_here([job.again(before)], FakeModel(), Counts([0, 0]))
    assert (first.depths, first.done_before) == (8, False)
    assert (second.depths, second.done_before) == (8, True)


def test_what_is_done_is_known_by_its_content_wherever_the_recording_lies(tmp_path):
    (job,) = long_jobs(tmp_path, 1)
    (tmp_path / 'elsewhere').mkdir()
    moved = replace(job, source=job.source.rename(tmp_path / 'elsewhere' / 'name.mcap'))
    list(run_here([moved], FakeModel(), Counts([0, 0])))
    back = replace(job, source=moved.source.rename(job.source))
    ((_, again),) = run_here([back], FakeModel(), Counts([0, 0]))
    assert again.done_before
    ((_, other),) = run_here([back], FakeModel(depth_m=3.0), Counts([0, 0]))
    assert (
        other == f"{job.target} exists and was made with weights '2.0' (this command: '3.0'); "
        '--overwrite replaces it'
    )


@pytest.mark.parametrize('weights', ['', 'ZoeD_M12_NK.pt'])
def test_a_calibration_of_the_uncertainty_beside_the_weights_is_other_work(
    tmp_path, monkeypatch, weights
):
    monkeypatch.setenv('ZOEDEPTH_HOME', str(tmp_path))
    (tmp_path / 'ZoeD_M12_NK.pt').write_bytes(b'weights')
    model = Model('ZoeD_M12_NK', weights and str(tmp_path / weights), 'cpu', 'fp32')
    before = model.request()
    (tmp_path / 'ZoeD_M12_NK.uncertainty.yaml').write_bytes(b'calibration')
    after = model.request()
    assert [name for name in after if after[name] != before[name]] == ['uncertainty_maps']
