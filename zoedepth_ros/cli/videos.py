"""What `zoedepth predict` does with films: depth frame by frame, and a film of it for eyes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.cli.camera_options import CameraOf
from zoedepth_ros.cli.output import progress
from zoedepth_ros.files import name_for_opencv, write_file
from zoedepth_ros.inference.result import AUTO, DepthPredictor, DepthResult
from zoedepth_ros.media.color import depth_to_bgr
from zoedepth_ros.media.files import write_depth_png
from zoedepth_ros.media.panel import draw_warning
from zoedepth_ros.media.video import chosen_times_s, container_fps
from zoedepth_ros.pipeline.focal_correction import ThroughCamera
from zoedepth_ros.pipeline.head_policy import HeadPolicy
from zoedepth_ros.viewing.sources import video_frames

FILM_SUFFIXES = ('.avi', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.webm')
RANGE_M = {'indoor': (0.3, 10.0), 'outdoor': (1.0, 80.0)}
"""Head -> ends of the colours [m]; fixed, so that a colour means the same all the time."""


@dataclass(frozen=True, slots=True)
class FilmFiles:
    """Hold where the results of one film go."""

    folder: Path
    """One 16-bit PNG in millimetres for each frame, named after its number."""
    color: Path
    """Film of picture and depth beside each other."""
    table: Path
    """A line for each frame: number, time, head, probabilities, median depth."""


@dataclass(frozen=True, slots=True)
class FilmReport:
    """Tell what was made of one film."""

    frames: int
    """Frames whose depth was written."""
    color_trouble: str
    """Why there is no film of colours; '' when there is one."""


def is_film(path: Path) -> bool:
    """Tell whether a path names a film, by its suffix."""
    return path.suffix.lower() in FILM_SUFFIXES


def film_files(target: Path) -> FilmFiles:
    """Give the files for a target, the name of the results without an ending."""
    color, table = (target.with_name(target.name + end) for end in ('_color.mp4', '_frames.csv'))
    return FilmFiles(target.with_name(f'{target.name}_depth'), color, table)


def predict_film(
    path: Path,
    files: FilmFiles,
    predictor: DepthPredictor,
    head: str,
    rate_hz: float = 0.0,
    *,
    camera_of: CameraOf = lambda shape: None,
) -> FilmReport:
    """Write the depth of at most `rate_hz` frames a second (0: all), by the frames' own times.

    With head 'auto' the router is smoothed over time, as in the ROS node.  camera_of: gives the
    camera of frames of a shape, None where it is not known.  A film of colours that cannot be
    written costs no depth.  Raises ValueError when OpenCV cannot read the film, OSError when depth
    cannot be written, and InferenceError.
    """
    times_s = list(chosen_times_s(path, rate_hz))
    if not times_s:
        raise ValueError(f'{path}: holds no frame that OpenCV reads')
    frames = _predicted(path, predictor, head, rate_hz, camera_of)
    with _Writer(files, _mean_fps(times_s), predictor.weights_warning) as writer:
        for count, frame in enumerate(progress(frames, len(times_s), 'frames')):
            writer.write(count, *frame)
    return FilmReport(len(writer.rows), writer.color_trouble)


def _mean_fps(times_s: list[float]) -> float:
    """Give the mean rate of frames [Hz]; of a single one, one a second."""
    return (len(times_s) - 1) / (times_s[-1] - times_s[0]) if len(times_s) > 1 else 1.0


def _predicted(
    path: Path, predictor: DepthPredictor, head: str, rate_hz: float, camera_of: CameraOf
) -> Iterator[tuple[float, NDArray[np.uint8], DepthResult]]:
    """Give time [s], rgb (H, W, 3) and depth of each frame."""
    policy, chosen = HeadPolicy(predictor.heads), head
    look = ThroughCamera(predictor)
    for frame in video_frames(path, rate_hz):
        assert frame.rgb is not None
        result = look(frame.rgb, camera_of(frame.rgb.shape), chosen)
        yield frame.time_s, frame.rgb, result
        if head == AUTO and result.router_probabilities:
            chosen = policy.update(result.router_probabilities, frame.time_s)


class _Writer:
    """Write the results of frames as they come; a context.

    The table is written at the end, of as many frames as there are; the film for eyes gets its
    name when it is whole.
    """

    def __init__(self, files: FilmFiles, fps: float, warning: str) -> None:
        files.folder.mkdir(parents=True, exist_ok=True)
        for old in files.folder.glob('[0-9]*.png'):  # of a longer film of this name
            old.unlink()
        self._files, self._fps, self._warning = files, container_fps(fps), warning
        self._film: cv2.VideoWriter | None = None
        self._film_frames = 0
        self._last_shown: NDArray[np.uint8] | None = None
        self.color_trouble = ''
        """Why the film of colours cannot be written; '' when it can."""
        self.rows: list[tuple[int | str, ...]] = []
        """A line of the table for each frame."""
        for old in (files.color, files.table):
            old.unlink(missing_ok=True)
        self._workspace = TemporaryDirectory(dir=files.color.parent, prefix='.film-')
        self._unfinished = Path(self._workspace.name) / files.color.name

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with self._workspace:
            if self._film is not None:
                self._film.release()
                if kind is None and not self.color_trouble:
                    self._unfinished.replace(self._files.color)
        text = io.StringIO()
        table = csv.writer(text)
        table.writerow(('frame', 'time_s', 'head', 'indoor', 'outdoor', 'median_depth_m'))
        table.writerows(self.rows)
        write_file(self._files.table, text.getvalue())

    def write(
        self, number: int, time_s: float, rgb: NDArray[np.uint8], result: DepthResult
    ) -> None:
        """Write one frame."""
        write_depth_png(self._files.folder / f'{number:06d}.png', result.depth_m)
        shares = [result.router_probabilities.get(head, float('nan')) for head in RANGE_M]
        median_m = float(np.nanmedian(result.depth_m))
        row = (f'{time_s:.3f}', result.head, *(f'{p:.3f}' for p in shares), f'{median_m:.3f}')
        self.rows.append((number, *row))
        near_m, far_m = RANGE_M[result.head]
        beside = np.hstack([rgb[..., ::-1], depth_to_bgr(result.depth_m, near_m, far_m)])
        beside = np.ascontiguousarray(beside[: len(beside) // 2 * 2])  # codecs want even sides
        self._show(time_s, draw_warning(beside, self._warning) if self._warning else beside)

    def _show(self, time_s: float, bgr: NDArray[np.uint8]) -> None:
        """Add a frame to the film for eyes, at its time: the one before stays until then."""
        if self.color_trouble:
            return
        try:
            if self._film is None:
                self._film = self._opened(bgr.shape[1], bgr.shape[0])
            while self._last_shown is not None and self._film_frames < round(time_s * self._fps):
                self._film.write(self._last_shown)
                self._film_frames += 1
            self._film.write(bgr)
            self._film_frames, self._last_shown = self._film_frames + 1, bgr
        except (ValueError, OSError, cv2.error) as error:
            self.color_trouble = f'{self._files.color}: not written: {error}'

    def _opened(self, width: int, height: int) -> cv2.VideoWriter:
        code = int.from_bytes(b'mp4v', 'little')  # what VideoWriter.fourcc makes
        film = cv2.VideoWriter(name_for_opencv(self._unfinished), code, self._fps, (width, height))
        if not film.isOpened():
            size = f'{width} x {height} px, {self._fps:g} frames a second'
            raise OSError(f'OpenCV cannot write a film of {size}')
        return film
