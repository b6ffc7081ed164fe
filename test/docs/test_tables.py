"""The script that prints the measured tables of the documentation."""

import docs_tables


def test_a_table_is_printed_with_its_network_and_training_camera(capsys, monkeypatch):
    monkeypatch.setattr(docs_tables.filter_scores, 'scale_flicker', lambda *_: (0.012, 0.0034))
    model = ['--model', 'ZoeD_tiny_NK', '--weights', 'random', '--device', 'cpu']
    assert docs_tables.main([*model, '--scenes', '1', '--only', 'flicker']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ['ZoeD_tiny_NK, weights random', 'training camera: unknown']
    assert lines[-2:] == ['| indoor | 1.20% | 0.34% |', '| outdoor | 1.20% | 0.34% |']


def test_every_part_has_a_function():
    assert set(docs_tables.LINES) == set(docs_tables.PARTS)


def test_the_best_of_a_row_is_bold():
    assert docs_tables.bold(0.1234, 0.1231) == '**0.123**'
    assert docs_tables.bold(0.2, 0.1) == '0.200'
