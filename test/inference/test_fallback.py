"""What happens when the network cannot run as configured: a fallback, reported in words."""

import gc
import weakref

import numpy as np
import pytest
from fake_predictor import FakePredictor

from zoedepth_ros.inference.fallback import FallbackPredictor
from zoedepth_ros.inference.result import (
    ContextLost,
    DeviceLost,
    InferenceError,
    NotFinite,
    OutOfMemory,
)
from zoedepth_ros.ros.parameters.node_settings import settings_from

RGB = np.zeros((48, 64, 3), np.uint8)
OWN_SIZE = (384, 512)


class Hardware:
    """Make fake predictors, and break in the ways that real devices do."""

    def __init__(
        self, cuda=True, room_px=10**9, nan_in=(), warm_ups_too=False, check=lambda settings: None
    ):
        """check: called before a predictor is made."""
        self.cuda, self.room_px, self.nan_in = cuda, room_px, nan_in
        self.warm_ups_too, self.check = warm_ups_too, check
        self.made = []

    def make(self, settings):
        self.check(settings)
        on_cuda = settings.device.startswith('cuda') or (settings.device == 'auto' and self.cuda)
        if on_cuda and not self.cuda:
            raise ValueError('device cuda is not there')
        precision = settings.precision
        if precision == 'auto':
            precision = 'fp16' if on_cuda else 'fp32'
        network = (settings.network_height or OWN_SIZE[0], settings.network_width or OWN_SIZE[1])
        made = Fragile(self, 'cuda:0' if on_cuda else 'cpu', precision, network)
        self.made.append(made)
        return made


class Fragile(FakePredictor):
    def __init__(self, hardware, device, precision, network):
        super().__init__(device=device, precision=precision, network=network)
        self.hardware = hardware

    def warm_up(self, height, width):
        if self.hardware.warm_ups_too:
            self._break()

    def predict_batch(self, images, heads, *, routes, depth_only=False):
        self._break(len(images))
        return super().predict_batch(images, heads, routes=routes, depth_only=depth_only)

    def _break(self, images=1):
        if self.device != 'cpu' and not self.hardware.cuda:
            raise DeviceLost('cuda:0: CUDA error: unspecified launch failure')
        if images * self.network[0] * self.network[1] > self.hardware.room_px:
            raise OutOfMemory('out of memory')
        if self.precision in self.hardware.nan_in:
            raise NotFinite('not finite')


def degrading(hardware, report=lambda: None, **parameters):
    warnings = []
    requested = settings_from(parameters).predictor
    predictor = FallbackPredictor(hardware.make, requested, warnings.append, report)
    predictor.warnings = warnings
    return predictor


def fail_once(predictor, kind):
    with pytest.raises(kind):
        predictor(RGB)
    return predictor(RGB)


def test_all_well_nothing_is_reported_and_nothing_built_twice():
    hardware = Hardware()
    predictor = degrading(hardware)
    predictor.warm_up(480, 640)
    assert predictor(RGB).head == 'indoor'
    assert (predictor.device, predictor.precision) == ('cuda:0', 'fp16')
    assert (predictor.notices, predictor.warnings, len(hardware.made)) == ((), [], 1)
    assert not predictor.recover()


def test_a_network_that_is_slower_than_requested_is_reported_until_another_is_built():
    hardware = Hardware()
    predictor = degrading(hardware)
    predictor._predictor.optimization_note = 'torch.compile failed: no compiler'
    assert predictor.notices == ('torch.compile failed: no compiler',)
    predictor._swap(predictor._configured)
    assert predictor.notices == ()


class Vanishing(FallbackPredictor):
    """The inference thread drops the predictor after each time that another one reads it."""

    _now = None

    @property
    def _predictor(self):
        now, self._now = self._now, None
        return now

    @_predictor.setter
    def _predictor(self, value):
        self._now = value


@pytest.mark.parametrize(
    ('name', 'expected'),
    [('optimization_note', ''), ('preprocess_ms', np.nan), ('device_memory_mb', np.nan)],
)
def test_another_thread_may_ask_while_the_network_is_dropped(name, expected):
    predictor = Vanishing(Hardware().make, settings_from({}).predictor, print)
    np.testing.assert_equal([getattr(predictor, name)], [getattr(FakePredictor(), name)])
    np.testing.assert_equal([getattr(predictor, name)], [expected])
    predictor._swap(predictor._configured)
    assert predictor.network_size(48, 64) == OWN_SIZE
    assert predictor.network_size(48, 64) == OWN_SIZE  # the last one known


def test_without_cuda_auto_takes_the_cpu_and_reports_it_while_asking_for_the_cpu_is_silent():
    hardware = Hardware(cuda=False)
    (notice,) = degrading(hardware).notices
    assert 'no CUDA' in notice
    assert degrading(hardware, device='cpu').notices == ()


def test_a_requested_device_that_is_missing_or_breaks_at_the_start_is_an_error():
    with pytest.raises(ValueError, match='not there'):
        degrading(Hardware(cuda=False), device='cuda')
    hardware = Hardware(warm_ups_too=True)
    predictor = degrading(hardware, device='cuda')
    hardware.cuda = False
    with pytest.raises(DeviceLost):
        predictor.warm_up(480, 640)


@pytest.mark.parametrize('device', ['auto', 'cuda'])
def test_a_device_lost_while_running_is_followed_by_the_cpu(device):
    hardware = Hardware()
    predictor = degrading(hardware, device=device, precision='fp16')
    predictor(RGB)
    hardware.cuda = False
    fail_once(predictor, DeviceLost)
    assert (predictor.device, predictor.precision) == ('cpu', 'fp32')
    (notice,) = predictor.notices
    assert 'CPU instead of cuda:0' in notice
    assert 'launch failure' in notice
    assert notice.split(' (')[0] in predictor.warnings[0]


def test_too_little_memory_makes_the_network_smaller_until_it_fits():
    # 3/4 of both sides in multiples of 32: 384x512 -> 288x384 -> 192x288
    hardware = Hardware(room_px=192 * 288)
    predictor = degrading(hardware)
    with pytest.raises(OutOfMemory):
        predictor(RGB)
    assert predictor.network_size(48, 64) == (288, 384)
    fail_once(predictor, OutOfMemory)
    assert predictor.network_size(48, 64) == (192, 288)
    assert '192 x 288 px' in predictor.notices[0]
    assert len(predictor.notices) == 1


def test_the_warm_up_steps_down_by_itself():
    predictor = degrading(Hardware(room_px=192 * 288, warm_ups_too=True))
    predictor.warm_up(480, 640)
    assert predictor.network_size(480, 640) == (192, 288)


@pytest.mark.parametrize(('device', 'ends_on'), [('auto', 'cpu'), ('cuda', None)])
def test_a_gpu_without_room_for_the_smallest_network_is_left_for_the_cpu_by_auto(device, ends_on):
    hardware = Hardware(warm_ups_too=True)

    def full_gpu(settings):
        hardware.room_px = 10**9 if settings.device == 'cpu' else 1

    hardware.check = full_gpu
    predictor = degrading(hardware, device=device)
    if ends_on is None:
        with pytest.raises(OutOfMemory):
            predictor.warm_up(480, 640)
        return
    predictor.warm_up(480, 640)
    assert (predictor.device, predictor.network_size(480, 640)) == (ends_on, OWN_SIZE)
    assert predictor.notices == (
        'the depth network runs on the CPU instead of cuda:0 (out of memory)',
    )


def test_recovery_brings_back_what_was_requested_and_happens_only_on_request():
    hardware = Hardware(room_px=300 * 400)
    predictor = degrading(hardware)
    fail_once(predictor, OutOfMemory)
    hardware.room_px = 10**9
    predictor(RGB)
    assert predictor.network_size(48, 64) == (288, 384)
    assert predictor.recover()
    with pytest.raises(InferenceError, match='being rebuilt'):
        predictor(RGB)
    predictor(RGB)
    assert predictor.network_size(48, 64) == OWN_SIZE
    assert predictor.notices == ()


def test_recovery_that_fails_leaves_what_ran_before():
    hardware = Hardware()
    predictor = degrading(hardware, device='cuda')
    hardware.cuda = False
    fail_once(predictor, DeviceLost)
    assert predictor.recover()
    with pytest.raises(InferenceError):
        predictor(RGB)
    assert predictor(RGB).head == 'indoor'
    assert predictor.device == 'cpu'
    assert 'CPU instead' in predictor.notices[0]


def test_half_precision_that_gives_no_numbers_is_followed_by_full_precision():
    predictor = degrading(Hardware(nan_in=('fp16', 'bf16')))
    with pytest.raises(NotFinite):
        predictor(RGB)
    assert (predictor.device, predictor.precision) == ('cuda:0', 'bf16')
    assert 'bf16 instead of fp16' in predictor.notices[0]
    fail_once(predictor, NotFinite)
    assert (predictor.device, predictor.precision) == ('cuda:0', 'fp32')
    assert 'fp32 instead of bf16' in predictor.notices[0]


def test_a_gpu_without_bf16_goes_from_fp16_to_full_precision():
    def without_bf16(settings):
        if settings.precision == 'bf16':
            raise ValueError('precision bf16 needs a GPU of compute capability 8.0')

    predictor = degrading(Hardware(nan_in=('fp16',), check=without_bf16))
    fail_once(predictor, NotFinite)
    assert predictor.precision == 'fp32'


def test_full_precision_that_gives_no_numbers_stays_and_fails_every_rgb_image():
    predictor = degrading(Hardware(nan_in=('fp32',)), precision='fp32')
    for _ in range(3):
        with pytest.raises(NotFinite):
            predictor(RGB)
    assert not predictor.failed


def test_with_no_room_for_the_smallest_it_is_out_of_service_until_requested_again():
    hardware = Hardware(room_px=1)
    predictor = degrading(hardware)
    for _ in range(12):
        with pytest.raises(InferenceError):
            predictor(RGB)
    assert predictor.failed
    built = len(hardware.made)
    with pytest.raises(InferenceError, match='recover'):
        predictor(RGB)
    assert len(hardware.made) == built
    hardware.room_px = 10**9
    assert predictor.recover()
    with pytest.raises(InferenceError):
        predictor(RGB)
    assert predictor(RGB).head == 'indoor'
    assert not predictor.failed


def test_the_old_network_is_freed_before_the_next_is_built():
    hardware, alive = Hardware(room_px=192 * 288), []
    make = hardware.make

    def counting(settings):
        hardware.made.clear()
        gc.collect()
        alive.append(sum(ref() is not None for ref in networks))
        made = make(settings)
        networks.append(weakref.ref(made))
        return made

    networks, hardware.make = [], counting
    predictor = degrading(hardware)
    for _ in range(2):
        with pytest.raises(OutOfMemory):
            predictor(RGB)
    hardware.room_px = 10**9
    predictor.recover()
    with pytest.raises(InferenceError):
        predictor(RGB)
    assert alive == [0, 0, 0, 0]


def test_several_failures_are_all_reported():
    hardware = Hardware(room_px=300 * 400)
    predictor = degrading(hardware, precision='fp16')
    fail_once(predictor, OutOfMemory)
    hardware.cuda = False
    fail_once(predictor, DeviceLost)
    assert len(predictor.notices) == 2
    assert predictor.network_size(48, 64) == (288, 384)


def test_a_smaller_network_that_cannot_be_built_leaves_nothing_running():
    def only_one_size(settings):
        if settings.network_height:
            raise ValueError('takes 384 x 512 only')

    predictor = degrading(Hardware(room_px=300 * 400, check=only_one_size))
    with pytest.raises(OutOfMemory):
        predictor(RGB)
    assert predictor.failed
    assert any('384 x 512 only' in text for text in predictor.warnings)


def test_wrong_images_are_refused_and_no_image_needs_no_network():
    predictor = degrading(Hardware())
    for wrong in (np.zeros(3, np.uint8), [[1, 2, 3]]):
        with pytest.raises(ValueError, match=r'expected .* uint8'):
            predictor(wrong)
    assert predictor.predict_batch([], [], routes=[]) == []
    assert (predictor.notices, predictor.warnings) == ((), [])


def together(predictor, images):
    return predictor.predict_batch([RGB] * images, ['auto'] * images, routes=[True] * images)


def test_a_batch_that_does_not_fit_makes_batches_smaller_before_the_network():
    hardware = Hardware(room_px=2 * OWN_SIZE[0] * OWN_SIZE[1])
    predictor = degrading(hardware)
    assert predictor.batch_limit is None
    with pytest.raises(OutOfMemory):
        together(predictor, 4)
    assert (predictor.batch_limit, predictor.network_size(48, 64)) == (2, OWN_SIZE)
    assert predictor.notices == (
        'the depth network processes at most 2 images at once (out of memory)',
    )
    assert len(together(predictor, 2)) == 2
    hardware.room_px //= 2
    with pytest.raises(OutOfMemory):
        together(predictor, 2)
    assert predictor.batch_limit == 1
    hardware.room_px = 288 * 384
    fail_once(predictor, OutOfMemory)
    assert predictor.network_size(48, 64) == (288, 384)
    assert len(hardware.made) == 2
    hardware.room_px = 10**9
    assert predictor.recover()
    with pytest.raises(InferenceError, match='being rebuilt'):
        together(predictor, 4)
    assert (predictor.batch_limit, predictor.notices) == (None, ())
    assert len(together(predictor, 4)) == 4


def test_values_that_are_not_finite_in_a_batch_change_nothing_until_one_image_is_found_out():
    hardware = Hardware(nan_in=('fp16',))
    predictor = degrading(hardware)
    with pytest.raises(NotFinite):
        together(predictor, 2)
    assert (len(hardware.made), predictor.notices) == (1, ())
    fail_once(predictor, NotFinite)
    assert predictor.precision == 'bf16'


def test_a_device_lost_in_the_middle_of_a_batch_is_left():
    hardware = Hardware()
    predictor = degrading(hardware)
    hardware.cuda = False
    with pytest.raises(DeviceLost):
        together(predictor, 3)
    assert predictor.device == 'cpu'
    assert len(together(predictor, 3)) == 3


def failing_at_load(error):
    def on_cpu_only(settings):
        if settings.device != 'cpu':
            raise error

    return Hardware(check=on_cpu_only)


@pytest.mark.parametrize('kind', [OutOfMemory, DeviceLost])
def test_auto_takes_the_cpu_when_the_gpu_fails_while_loading(kind):
    hardware = failing_at_load(kind('cuda:0: CUDA error: no kernel image is available'))
    predictor = degrading(hardware, precision='fp16')
    predictor(RGB)
    assert (predictor.device, predictor.precision) == ('cpu', 'fp32')
    (notice,) = predictor.notices
    assert 'CPU instead of the GPU (cuda:0: CUDA error: no kernel image' in notice
    assert predictor.recover()  # the GPU may be free later
    with pytest.raises(kind):
        degrading(failing_at_load(kind('no')), device='cuda')


def lost(predictor, run):
    """Check that a lost context stops the predictor for good, with it still in memory."""
    kept = predictor._predictor
    with pytest.raises(ContextLost, match='gone'):
        run()
    assert predictor.failed
    assert predictor._predictor is kept
    assert 'gone: only a new process can use the GPU again' in predictor.notices[-1]
    assert not predictor.recover()
    for again in (lambda: predictor(RGB), lambda: together(predictor, 2)):
        with pytest.raises(InferenceError, match='cannot run: .*gone'):
            again()
    assert predictor._predictor is kept


@pytest.mark.parametrize('device', ['auto', 'cuda'])
@pytest.mark.parametrize('during', ['call', 'batch', 'warm_up'])
def test_a_lost_context_frees_nothing_and_is_reported_once(device, during):
    hardware, reports = Hardware(), []
    predictor = degrading(hardware, lambda: reports.append(1), device=device)

    def breaking(images=1):
        raise ContextLost('cuda:0: gone')

    predictor._predictor._break = breaking
    hardware.warm_ups_too = True
    runs = {
        'call': lambda: predictor(RGB),
        'batch': lambda: together(predictor, 3),
        'warm_up': lambda: predictor.warm_up(48, 64),
    }
    lost(predictor, runs[during])
    assert reports == [1]
    assert len(hardware.made) == 1


def test_a_context_lost_while_loading_is_no_reason_for_the_cpu():
    reports, hardware = [], failing_at_load(ContextLost('cuda:0: gone'))
    with pytest.raises(ContextLost):
        degrading(hardware, lambda: reports.append(1))
    assert (reports, hardware.made) == ([1], [])


def test_a_context_lost_in_a_recovery_is_final():
    hardware = Hardware(room_px=300 * 400)
    predictor = degrading(hardware)
    fail_once(predictor, OutOfMemory)
    predictor._make = failing_at_load(ContextLost('cuda:0: gone')).make
    assert predictor.recover()
    with pytest.raises(InferenceError, match='being rebuilt'):
        predictor(RGB)
    assert predictor.failed
    assert not predictor.recover()
    with pytest.raises(InferenceError, match='cannot run'):
        predictor(RGB)


def test_only_the_first_network_may_measure_its_execution_mode():
    """Later ones are built while images arrive."""
    allowed = []
    hardware = Hardware(check=lambda settings: allowed.append(settings.may_measure))
    predictor = degrading(hardware)
    hardware.cuda = False
    fail_once(predictor, DeviceLost)
    predictor.recover()
    fail_once(predictor, InferenceError)
    assert allowed == [True, False, False]
