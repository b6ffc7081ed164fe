import pytest

from zoedepth_ros.training.distributed import Process
from zoedepth_ros.training.mixed_batches import Draw, MixedBatches, ShareOfBatches, steps_of

MIXED = MixedBatches(images=(40, 12), batch_size=4, seed=7)


def test_batches_alternate_strictly_and_never_mix_domains():
    domains = [{draw.domain for draw in MIXED[step]} for step in range(30)]
    assert domains == [{0}, {1}] * 15


def test_an_epoch_has_one_round_more_than_the_longest_domain_has_batches():
    assert MIXED.epoch_steps == 2 * (10 + 1)
    assert MixedBatches((40,), 4, 0).epoch_steps == 10


def test_a_domain_gives_every_image_once_before_it_starts_over():
    first_pass = [draw.image for step in range(0, 20, 2) for draw in MIXED[step]]
    assert sorted(first_pass) == list(range(40))


def test_the_shorter_domain_is_cycled_in_a_new_order():
    passes = [
        [draw.image for step in range(start, start + 6, 2) for draw in MIXED[step]]
        for start in (1, 7, 13)
    ]
    assert all(sorted(one) == list(range(12)) for one in passes)
    assert passes[0] != passes[1] != passes[2]


def test_a_batch_is_a_function_of_its_number():
    again = MixedBatches(images=(40, 12), batch_size=4, seed=7)
    assert again[17] == MIXED[17]
    assert MixedBatches(images=(40, 12), batch_size=4, seed=8)[17] != MIXED[17]


def test_processes_share_a_batch_without_gap_or_overlap():
    shares = [
        list(ShareOfBatches(MIXED, Process(rank=rank, world_size=2), 0, 6)) for rank in (0, 1)
    ]
    for step in range(6):
        assert shares[0][step] + shares[1][step] == MIXED[step]


def test_a_share_begins_where_a_run_resumes():
    whole = list(ShareOfBatches(MIXED, Process(), 0, 9))
    assert list(ShareOfBatches(MIXED, Process(), 5, 9)) == whole[5:]


def test_a_batch_that_does_not_divide_by_the_processes_is_refused():
    with pytest.raises(
        ValueError, match='batch_size 4 is not a multiple of the number of processes, 3'
    ):
        list(ShareOfBatches(MIXED, Process(world_size=3), 0, 1))


def test_a_domain_smaller_than_a_batch_repeats_its_images():
    assert [draw.image for draw in MixedBatches((1,), 3, 0)[5]] == [0, 0, 0]
    assert MixedBatches((1,), 3, 0)[5][0] == Draw(domain=0, image=0, step=5)


def test_the_length_of_a_stage_is_given_in_epochs_or_in_steps():
    assert steps_of(2.5, 0, 22) == 55
    assert steps_of(0.0, 123, 22) == 123
