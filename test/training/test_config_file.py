from pathlib import Path

import pytest
import yaml
from tiny_recipe import recipe, write_recipe

from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.zoedepth import create_model
from zoedepth_ros.training.config import TrainingConfig
from zoedepth_ros.training.config_file import read_config, settings

RECIPES = Path(__file__).resolve().parents[2] / 'config'


def test_a_recipe_becomes_settings_with_the_defaults_of_the_paper(tmp_path):
    config = read_config(write_recipe(tmp_path))
    assert config.model == 'ZoeD_tiny_NK'
    assert config.stages[1].steps == 10
    assert config.stages[1].weight_decay == 0.01
    assert config.stages[1].schedule.rising_part == 0.7
    assert config.domains[0].initial_bins_m == (0.5, 10.0)


MISSING = object()
NAME = r'stages\[0\]: the name of a stage .* got '
BINS = r'domains\[0\]: initial_bins_m must be 0 < lowest < highest'


@pytest.mark.parametrize(
    ('place', 'value', 'message'),
    [
        (
            'stages.1.lerning_rate',
            1.0,
            r'stages\[1\]: unknown keys lerning_rate; the known keys are name, ',
        ),
        ('stages.0.batch_size', MISSING, r'stages\[0\]: the keys batch_size are missing'),
        ('seed', 'many', 'seed: expected int'),
        ('seed', True, 'seed: expected int'),
        ('seed', -1, 'seed: expected a finite number of 0 or more, got -1'),
        ('tensorboard', 1, 'tensorboard: expected bool'),
        ('domains', 'nyu', 'domains: expected a list'),
        ('augmentation', {'gamma': [1.0]}, 'augmentation: gamma: expected 2 values'),
        ('augmentation', {'gamma': [1.0, 'x']}, r'augmentation: gamma\[1\]: expected float'),
        (
            'augmentation',
            {'gamma': [2, 1]},
            r'augmentation: gamma: expected \[lowest, highest\], got \[2, 1\]',
        ),
        (
            'augmentation',
            {'flip_probability': 2},
            'augmentation: flip_probability: expected 0 to 1, got 2',
        ),
        ('weights_part', 'half', r"weights_part: expected one of .'all', 'relative'., got 'half'"),
        ('checkpoint_every', 0, 'checkpoint_every: expected a number above 0, got 0'),
        ('checkpoint_every', 0.5, 'checkpoint_every: expected int, got 0.5'),
        ('focal_exponent', float('nan'), 'focal_exponent: expected a finite number'),
        ('stages.0.epochs', 1, r"stages\[0\]: stage 'relative' needs either epochs or steps"),
        ('stages.0.name', '', f"{NAME}''"),
        ('stages.0.name', 'a/b', f"{NAME}'a/b'"),
        ('stages.0.name', '../a', f"{NAME}'../a'"),
        ('domains.0.initial_bins_m', [0, 10], BINS),
        ('domains.0.initial_bins_m', [10, 10], BINS),
        (
            'domains.0.textures',
            'photographs',
            r"domains\[0\]: textures needs dataset 'synthetic' and varied_cameras",
        ),
    ],
)
def test_what_is_wrong_in_a_recipe_is_named_with_its_place(tmp_path, place, value, message):
    values = part = recipe(tmp_path)
    *outer, key = place.split('.')
    for name in outer:
        part = part[int(name) if name.isdigit() else name]
    part[key] = value
    if value is MISSING:
        del part[key]
    with pytest.raises(ValueError, match=rf'^x\.yaml: {message}'):
        settings(TrainingConfig, values, 'x.yaml')


def test_a_rate_without_a_point_is_a_number_though_yaml_reads_text(tmp_path):
    values = recipe(tmp_path)
    values['stages'][0]['learning_rate'] = yaml.safe_load('1e-4')
    config = settings(TrainingConfig, values, 'x.yaml')
    assert config.stages[0].learning_rate == 1e-4


def test_a_file_that_is_not_yaml_is_named(tmp_path):
    (tmp_path / 'bad.yaml').write_text('a: [')
    with pytest.raises(ValueError, match='bad.yaml is not YAML'):
        read_config(tmp_path / 'bad.yaml')


@pytest.mark.parametrize(
    ('name', 'rate', 'divisors', 'sizes'),
    [
        ('nyu', 1.61e-4, (10, 10, 1, 1), {'indoor': 10.0}),
        ('kitti', 1.61e-4, (10, 10, 1, 1), {'outdoor': 80.0}),
        ('nk', 2.512e-4, (10, 10, 10, 1), {'indoor': 10.0, 'outdoor': 80.0}),
    ],
)
def test_recipes_for_fine_tuning_have_the_papers_numbers(name, rate, divisors, sizes):
    config = read_config(RECIPES / f'finetune_{name}.yaml')
    (stage,) = config.stages
    assert (stage.epochs, stage.batch_size, stage.learning_rate) == (5, 16, rate)
    parts = stage.divisors
    assert (parts.encoder, parts.positions, parts.decoder, parts.heads) == divisors
    assert (stage.weight_decay, stage.clip_norm, stage.router_weight) == (0.01, 0.1, 100)
    assert (stage.schedule.div_factor, stage.schedule.final_div_factor) == (1, 1e4)
    assert (stage.validate_every, config.seed, stage.precision) == (0.25, 43, 'float32')
    assert {d.domain: d.max_depth_m for d in config.domains} == sizes
    brightness = {'indoor': (0.75, 1.25), 'outdoor': (0.9, 1.1)}
    assert all(d.brightness == brightness[d.domain] for d in config.domains)


def test_the_recipe_of_the_embedded_network_trains_both_domains_through_cameras_of_many_kinds():
    config = read_config(RECIPES / 'train_embedded.yaml')
    assert config.model == 'ZoeD_S_NK'
    assert [d.domain for d in config.domains] == ['indoor', 'indoor', 'outdoor']
    rooms, path_traced, streets = config.domains
    assert all(domain.varied_cameras and domain.textures for domain in (rooms, streets))
    assert path_traced.dataset == 'folder'
    assert path_traced.validation_root not in ('', path_traced.root)
    assert config.backbone_weights == 'imagenet'
    assert preset(config.model).backbone.kind == 'lite'
    assert config.training_hfov_deg == 65.0
    assert config.stages[-1].image_size == (0, 0), 'the last one at the size of the preset'
    held_out = 2**40  # where the scenes for evaluation begin
    assert rooms.images <= streets.seed, 'no seed twice'
    assert streets.seed + streets.images <= rooms.validation_seed
    assert rooms.validation_seed + 10**6 < held_out
    names = dict(create_model(preset(config.model)).named_parameters())
    for stage in config.stages:  # a beginning of no name would freeze nothing without a report
        assert all(any(name.startswith(part) for name in names) for part in stage.frozen)
