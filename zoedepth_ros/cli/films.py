"""What `zoedepth predict` does with films: depth frame by frame, and a film of it for eyes."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.intrinsics import assumed_camera
from zoedepth_ros.inference.head_policy import HeadPolicy
from zoedepth_ros.inference.result import AUTO, DepthPredictor, DepthResult
from zoedepth_ros.inference.through_camera import ThroughCamera
from zoedepth_ros.output.color import depth_to_bgr
from zoedepth_ros.output.files import write_depth_png
from zoedepth_ros.output.panel import draw_warning
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
    hfov_rad: float = 0.0,
) -> int:
    """Write the depth of at most `rate_hz` frames a second (0: all); give how many there were.

    With head 'auto' the router is smoothed over time, as in the ROS node.  hfov_rad: of the film's
    camera, 0.0 where it is not known.  Raises ValueError when
    OpenCV cannot read the film, OSError when something cannot be written, and InferenceError.
    """
    from tqdm import tqdm

    fps, total = _facts(path)
    step = fps / rate_hz if 0.0 < rate_hz < fps else 1.0
    writer, count = _Writer(files, fps / step, predictor.trained_on), 0
    frames = _predicted(path, predictor, head, rate_hz, hfov_rad)
    try:
        # disable=None: no bar in a log file
        for frame in tqdm(frames, total=round(total / step), unit=' frames', disable=None):
            writer.write(count, *frame)
            count += 1
    finally:
        writer.close()
    return count


def _facts(path: Path) -> tuple[float, int]:
    """Give frames per second and how many there are, as the file says."""
    film = cv2.VideoCapture(str(path))
    if not film.isOpened():
        raise ValueError(f'{path}: not a film that OpenCV reads')
    fps, total = film.get(cv2.CAP_PROP_FPS) or 25.0, film.get(cv2.CAP_PROP_FRAME_COUNT)
    film.release()
    return fps, max(0, int(total))


def _predicted(
    path: Path, predictor: DepthPredictor, head: str, rate_hz: float, hfov_rad: float
) -> Iterator[tuple[float, NDArray[np.uint8], DepthResult]]:
    """Give time [s], rgb (H, W, 3) and depth of each frame."""
    policy, chosen = HeadPolicy(predictor.heads), head
    look = ThroughCamera(predictor)
    for frame in video_frames(path, rate_hz):
        assert frame.rgb is not None
        camera = assumed_camera(frame.rgb.shape, hfov_rad)
        result = look(frame.rgb, camera, chosen)
        yield frame.time_s, frame.rgb, result
        if head == AUTO and result.router_probabilities:
            chosen = policy.update(result.router_probabilities, frame.time_s)


class _Writer:
    """Write the results of frames as they come."""

    def __init__(self, files: FilmFiles, fps: float, warning: str) -> None:
        files.folder.mkdir(parents=True, exist_ok=True)
        for old in files.folder.glob('[0-9]*.png'):  # of a longer film of this name
            old.unlink()
        self._files, self._fps, self._warning = files, fps, warning
        self._film: cv2.VideoWriter | None = None
        self._stream = files.table.open('w', newline='')
        self._table = csv.writer(self._stream)
        self._table.writerow(('frame', 'time_s', 'head', 'indoor', 'outdoor', 'median_depth_m'))

    def write(
        self, number: int, time_s: float, rgb: NDArray[np.uint8], result: DepthResult
    ) -> None:
        """Write one frame."""
        write_depth_png(self._files.folder / f'{number:06d}.png', result.depth_m)
        shares = [result.router_probabilities.get(head, float('nan')) for head in RANGE_M]
        median_m = float(np.nanmedian(result.depth_m))
        row = (f'{time_s:.3f}', result.head, *(f'{p:.3f}' for p in shares), f'{median_m:.3f}')
        self._table.writerow((number, *row))
        near_m, far_m = RANGE_M[result.head]
        beside = np.hstack([rgb[..., ::-1], depth_to_bgr(result.depth_m, near_m, far_m)])
        beside = np.ascontiguousarray(beside[: len(beside) // 2 * 2])  # codecs want even sides
        self._show(draw_warning(beside, self._warning) if self._warning else beside)

    def _show(self, bgr: NDArray[np.uint8]) -> None:
        if self._film is None:
            code = int.from_bytes(b'mp4v', 'little')  # what VideoWriter.fourcc makes
            size = (bgr.shape[1], bgr.shape[0])
            self._film = cv2.VideoWriter(str(self._files.color), code, self._fps, size)
            if not self._film.isOpened():
                raise OSError(f'{self._files.color}: OpenCV cannot write this film')
        self._film.write(bgr)

    def close(self) -> None:
        """Finish the files."""
        self._stream.close()
        if self._film is not None:
            self._film.release()
