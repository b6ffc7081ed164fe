"""A predictor in place of the network, for all commands."""

import pytest


@pytest.fixture
def use(monkeypatch):
    """Return a function that makes commands use this predictor and returns it.

    Its attribute `arguments` has those of build_predictor; None before.
    """

    def use(predictor):
        def build(*args, **_):
            predictor.arguments = args
            return predictor

        predictor.arguments = None
        monkeypatch.setattr('zoedepth_ros.build.build_predictor', build)
        return predictor

    return use
