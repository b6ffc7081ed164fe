"""Recipes in any order, with parts missing, and from weights that hand something down."""

import csv
from pathlib import Path

import pytest
import torch
from tiny_recipe import configured, recipe, write_cameras

from zoedepth_ros.media.sample import Sample
from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.training_camera import TRAINING_HFOV_KEY
from zoedepth_ros.model.zoedepth import create_model
from zoedepth_ros.training import loop, run
from zoedepth_ros.training.checkpoint import FILE_NAME, load_state
from zoedepth_ros.training.config import DomainConfig, TrainingConfig
from zoedepth_ros.training.distributed import Process, chosen_device
from zoedepth_ros.training.run import check_stages, train, weights_path
from zoedepth_ros.training.run_data import open_images
from zoedepth_ros.weights.errors import WeightsError
from zoedepth_ros.weights.load import load_weights, save_weights
from zoedepth_ros.weights.read import read_checkpoint


def one_step(folder: Path, **changes) -> TrainingConfig:
    """A recipe of one metric step."""
    values = recipe(folder)
    stage = {**values['stages'][1], 'steps': 1, 'average_decay': 0.0, 'validate_every': 100}
    stage.update(changes.pop('stage', {}))
    return configured(folder, stages=[stage], **changes)


class Coloured:
    """Red images indoors, blue ones outdoors: a router can learn them in a few steps."""

    def __init__(self, domain):
        self.domain = domain

    def __len__(self):
        return 4

    def __getitem__(self, index):
        channel = 0 if self.domain == 'indoor' else 2
        rgb = torch.zeros(64, 96, 3, dtype=torch.uint8)
        rgb[..., channel] = 200 + index
        depth_m = torch.full((64, 96), 2.0 if self.domain == 'indoor' else 20.0)
        return Sample(rgb.numpy(), depth_m.numpy(), None, self.domain, f'{self.domain} {index}')


@pytest.mark.parametrize('order', [('indoor', 'outdoor'), ('outdoor', 'indoor')])
def test_the_router_learns_the_names_of_the_heads_whatever_the_order_of_the_entries(
    tmp_path, monkeypatch, order
):
    monkeypatch.setattr(loop, 'open_images', lambda domain, *_: Coloured(domain.domain))
    entries = {entry['domain']: entry for entry in recipe(tmp_path)['domains']}
    stage = {'steps': 60, 'learning_rate': 3e-3, 'router_weight': 10, 'router_dropout': 0.0}
    config = one_step(tmp_path, domains=[entries[name] for name in order], stage=stage)
    best = train(config, Process())
    model = create_model(preset(config.model)).eval()
    load_weights(model, best)
    for head in ('indoor', 'outdoor'):
        rgb = torch.from_numpy(Coloured(head)[0].rgb).permute(2, 0, 1)[None] / 255.0
        with torch.inference_mode():
            logits = model.route(model.encode((rgb - 0.5) / 0.5))
        assert model.config.head_names[int(logits.argmax())] == head


def test_a_network_with_a_router_needs_images_of_both_domains_or_leaves_its_router_alone(tmp_path):
    only_outdoor = [e for e in recipe(tmp_path)['domains'] if e['domain'] == 'outdoor']
    with pytest.raises(
        ValueError, match='no entry for indoor.*select outdoor always.*router_weig'
    ):
        train(one_step(tmp_path, domains=only_outdoor), Process())
    train(one_step(tmp_path, domains=only_outdoor, stage={'router_weight': 0.0}), Process())


def test_a_domain_without_a_head_is_refused(tmp_path):
    with pytest.raises(
        ValueError,
        match='domains has an entry for outdoor, but ZoeD_tiny_N has only the heads indoor',
    ):
        train(one_step(tmp_path, model='ZoeD_tiny_N'), Process())


def test_two_data_sets_of_one_domain_keep_scores_of_their_own(tmp_path):
    indoor, outdoor = recipe(tmp_path)['domains']
    again = {**indoor, 'seed': 7000, 'validation_seed': 8000}
    config = one_step(tmp_path, domains=[indoor, again, outdoor])
    train(config, Process())
    (row,) = csv.DictReader((tmp_path / 'out' / 'metric_scores.csv').open())
    names = [name for name in row if name.endswith('abs_rel')]
    assert names == ['indoor1_abs_rel', 'indoor2_abs_rel', 'outdoor_abs_rel']


def test_two_data_sets_of_one_domain_agree_on_the_bins_of_their_head(tmp_path):
    indoor, outdoor = recipe(tmp_path)['domains']
    other = {**indoor, 'initial_bins_m': [0.5, 20.0]}
    with pytest.raises(ValueError, match='indoor: entries of one domain train one head'):
        one_step(tmp_path, domains=[indoor, other, outdoor])


def test_validation_of_which_no_pixel_counts_is_no_perfect_score(tmp_path):
    indoor, outdoor = recipe(tmp_path)['domains']
    indoor = {**indoor, 'min_depth_m': 9.99, 'max_depth_m': 9.995}
    with pytest.raises(ValueError, match='validation of indoor .folder.: no pixel of'):
        train(one_step(tmp_path, domains=[indoor, outdoor]), Process())


@pytest.fixture
def weights(tmp_path):
    recipe(tmp_path)  # makes the folders
    write_cameras(tmp_path)
    path = tmp_path / 'start.safetensors'
    facts = {TRAINING_HFOV_KEY: '65', 'trained_on': 'scenes: no measurement', 'licence': 'X-1'}
    save_weights(create_model(preset('ZoeD_tiny_NK'), 0), path, facts)
    return path


def test_the_training_camera_the_warning_and_the_licence_of_the_weights_are_handed_down(
    tmp_path, weights
):
    best = train(one_step(tmp_path, weights=str(weights)), Process())
    facts = read_checkpoint(best).metadata
    assert facts[TRAINING_HFOV_KEY] == '65'
    assert facts['trained_on'] == 'scenes: no measurement'
    assert facts['licence'] == 'X-1'


def test_a_resumed_run_hands_down_the_same_though_the_first_weights_are_gone(tmp_path, weights):
    config = one_step(tmp_path, weights=str(weights))
    train(config, Process())
    (tmp_path / 'out' / 'metric_best.safetensors').unlink()
    weights.unlink()
    train(config, Process())
    final = read_checkpoint(tmp_path / 'out' / 'final.safetensors')
    assert final.metadata[TRAINING_HFOV_KEY] == '65'


def test_another_training_camera_than_the_weights_learnt_with_is_refused(tmp_path, weights):
    config = one_step(tmp_path, weights=str(weights), training_hfov_deg=90.0)
    with pytest.raises(ValueError, match=r'start\.safetensors was trained with .* 65, .* 90'):
        train(config, Process())


def test_weights_may_be_named_as_everywhere_else(tmp_path, monkeypatch):
    monkeypatch.setenv('ZOEDEPTH_HOME', str(tmp_path))
    with pytest.raises(WeightsError, match='zoedepth download dpt_beit_large_384'):
        weights_path('dpt_beit_large_384')
    (tmp_path / 'dpt_beit_large_384.pt').write_bytes(b'weights')
    assert weights_path('dpt_beit_large_384') == tmp_path / 'dpt_beit_large_384.pt'


def test_a_device_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(ValueError, match="device 'cuda:0' does not exist"):
        chosen_device('cuda', 0)
    assert chosen_device('auto', 0) == torch.device('cpu')


def test_the_seconds_of_a_loss_are_those_of_its_step(tmp_path):
    stage = {'steps': 3}
    train(one_step(tmp_path, stage=stage), Process())
    rows = list(csv.DictReader((tmp_path / 'out' / 'metric_losses.csv').open()))
    seconds = [float(row['seconds']) for row in rows]
    assert seconds == sorted(set(seconds)), 'every step at a time of its own'


def test_parameters_that_are_frozen_keep_their_values_and_others_learn(tmp_path):
    stage = {'frozen': ['backbone.'], 'steps': 3}
    best = train(one_step(tmp_path, stage=stage), Process())
    model, first = create_model(preset('ZoeD_tiny_NK')), create_model(preset('ZoeD_tiny_NK'), 5)
    load_weights(model, best)
    before = first.state_dict()
    changed = {name for name, now in model.state_dict().items() if not now.equal(before[name])}
    assert not any(name.startswith('backbone.') for name in changed)
    assert any(name.startswith('decoder.') for name in changed)


@pytest.mark.parametrize(
    ('stage', 'n_processes', 'words'),
    [
        (
            {'frozen': ['backbone.', 'decode.']},
            1,
            "'metric': frozen contains 'decode.', but",
        ),
        ({'image_size': [64, 0]}, 1, 'must be positive multiples of 32, got 64 x 0'),
        ({}, 3, 'batch_size 4 is not a multiple of the number of processes, 3'),
    ],
)
def test_a_stage_that_cannot_run_is_refused_before_the_first_one_starts(
    tmp_path, stage, n_processes, words
):
    stages = recipe(tmp_path)['stages']
    stages[0]['batch_size'] = 6
    config = configured(tmp_path, stages=[stages[0], {**stages[1], **stage}])
    with pytest.raises(ValueError, match=words):
        check_stages(config, create_model(preset(config.model)), Process(0, n_processes))


def test_the_tilde_of_a_folder_in_a_recipe_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.chdir(tmp_path)
    best = train(one_step(tmp_path, output='~/runs/mine'), Process())
    assert best == tmp_path / 'runs/mine/metric_best.safetensors'
    assert best.is_file()
    scenes = DomainConfig(
        'indoor', 'synthetic', images=1, varied_cameras=True, textures='~/textures'
    )
    with pytest.raises(ValueError, match=f'.jpg files in {tmp_path}/textures'):
        open_images(scenes, (64, 96), 'train')[0]


@pytest.mark.parametrize('content', [b'a text, not a checkpoint', bytes(100), b''])
def test_a_file_that_is_no_checkpoint_is_named(tmp_path, content):
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(ValueError, match=f'{FILE_NAME} is not a checkpoint of a training run'):
        load_state(tmp_path, torch.device('cpu'))


def test_the_curves_for_tensorboard_are_complete_also_where_a_run_fails(tmp_path, monkeypatch):
    """Its writer holds them back for up to two minutes, and loses them at the end of Python."""
    tensorboard = pytest.importorskip('torch.utils.tensorboard')
    closed = []
    monkeypatch.setattr(tensorboard.SummaryWriter, 'close', lambda _: closed.append(True))

    class Fails:
        def __init__(self, *_, **__):
            raise ValueError('no images')

    monkeypatch.setattr(run, 'StageLoop', Fails)
    with pytest.raises(ValueError, match='no images'):
        train(one_step(tmp_path, tensorboard=True), Process())
    assert closed
