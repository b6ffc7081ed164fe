"""What is measured beside the network as the node runs it, and why; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from zoedepth_ros.benchmark.sides import Side


@dataclass(frozen=True, slots=True)
class Rival:
    """One side that is measured in turn with ours."""

    name: str
    """Its key among the variants in the JSON."""

    title: str
    """Its name in the table."""

    side: Side
    """What runs."""

    key: str = ''
    """Key of how many times longer than ours it takes."""

    own_environment: bool = False
    """Whether it runs without the allocator's and threads' settings of the node."""

    from_camera: bool = False
    """Whether both sides begin with a picture of a camera's size instead of the network's."""

    in_short: bool = False
    """Whether it is measured when there is little time."""


def rivals(ours: Side, half: str, *, short: bool, on_gpu: bool) -> list[Rival]:
    """List what our side, whose precision is known, is to be compared with.

    half: the half precision to measure, 'bf16' or 'fp16'; '' for none.
    """
    other = 'fp32' if ours.precision != 'fp32' else half
    theirs = replace(ours, kind='transformers', precision='fp32', optimization='auto')
    compiled = Rival(
        'ours_compiled',
        f'ours, {ours.precision}, compiled',
        replace(ours, optimization='compile'),
        'speedup_over_ours_compiled',
    )
    rounded = Rival(
        'transformers_tf32',
        'transformers, fp32 rounded to TF32, SDPA',
        replace(theirs, tf32=True),
        'speedup_over_transformers_tf32',
    )
    found = [
        Rival(
            f'ours_{other}',
            f'ours, {other}',
            replace(ours, precision=other),
            f'speedup_over_ours_{other}',
            in_short=True,
        ),
        Rival(
            'ours_plain',
            f'ours, {ours.precision}, optimization off',
            replace(ours, optimization='off'),
            'speedup_over_ours_plain',
        ),
        *([compiled] if on_gpu and ours.optimization != 'compile' else []),
        Rival(
            'transformers',
            'transformers, fp32, SDPA (its default)',
            theirs,
            'speedup_over_transformers',
            in_short=True,
        ),
        Rival(
            'transformers_own_environment',
            'transformers, fp32, SDPA, in its own environment',
            theirs,
            'speedup_over_transformers_own_environment',
            own_environment=True,
        ),
        *([rounded] if on_gpu else []),
        Rival(
            'transformers_eager',
            'transformers, fp32, eager',
            replace(theirs, attention='eager'),
            'speedup_over_transformers_eager',
        ),
        Rival(
            'transformers_eager_own_environment',
            'transformers, fp32, eager, in its own environment',
            replace(theirs, attention='eager'),
            'speedup_over_transformers_eager_own_environment',
            own_environment=True,
        ),
        Rival(
            'transformers_half',
            f'transformers, {half}, SDPA',
            replace(theirs, precision=half),
            'speedup_over_transformers_half',
            in_short=True,
        ),
        Rival(
            'transformers_half_eager',
            f'transformers, {half}, eager',
            replace(theirs, precision=half, attention='eager'),
            'speedup_over_transformers_half_eager',
        ),
        Rival(
            'official',
            'official protocol: two padded passes, fp32, eager',
            replace(theirs, attention='eager', official_protocol=True),
            'speedup_over_official',
            from_camera=True,
        ),
    ]
    return [rival for rival in found if rival.side.precision and (rival.in_short or not short)]
