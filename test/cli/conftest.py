"""A predictor in place of the network, for all commands."""

import pytest


@pytest.fixture
def use(monkeypatch):
    """Return a function that makes commands use this predictor and returns it."""

    def use(predictor):
        monkeypatch.setattr('zoedepth_ros.build.build_predictor', lambda *_, **__: predictor)
        return predictor

    return use
