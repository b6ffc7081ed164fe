"""`zoedepth predict` for videos: the depth of each frame, a table and a colour video."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.cli.camera_options import CameraOf
from zoedepth_ros.cli.reporting import progress
from zoedepth_ros.files import name_for_opencv, write_file
from zoedepth_ros.media.color import COLOR_RANGE_M, color_range_m, depth_to_bgr
from zoedepth_ros.media.files import write_depth_png
from zoedepth_ros.media.panel import draw_warning
from zoedepth_ros.media.video import chosen_times_s, container_fps, read_video, stated_frames
from zoedepth_ros.pipeline.outputs import DEPTH
from zoedepth_ros.pipeline.sequence import ImageOutputs, SequencePredictor

VIDEO_SUFFIXES = ('.avi', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.webm')


def is_video(path: Path) -> bool:
    """Return whether a path names a video, by its suffix."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def predict_video(
    path: Path,
    target: Path,
    sequence: SequencePredictor,
    cameras: CameraOf,
    rate_hz: float,
    warning: str,
) -> None:
    """Write and print the depth of at most `rate_hz` frames per second (0: all).

    target: start of the names of the results: the folder NAME_depth with a 16-bit PNG in
    millimetres for each frame, NAME_color.mp4 with image and depth side by side, and
    NAME_frames.csv.  Depth is written even where the colour video cannot be.  Raises ValueError if
    OpenCV cannot read the video, OSError when depth cannot be written, and InferenceError.
    """
    times_s = list(chosen_times_s(path, rate_hz))
    if not times_s:
        raise ValueError(f'{path}: expected a video, but OpenCV can read no frame of this file')
    mean_fps = (len(times_s) - 1) / (times_s[-1] - times_s[0]) if len(times_s) > 1 else 1.0
    start_s, notices = time.perf_counter(), list[str]()
    with _Writer(target, mean_fps, warning) as writer:
        for time_s, rgb in progress(read_video(path, rate_hz), len(times_s), 'frames'):
            found = sequence(rgb, cameras(rgb.shape), time_s, [DEPTH])
            writer.write(time_s, rgb, found)
            notices += found.notices
    count = len(writer.rows)
    print(f'    {count} frames, {(time.perf_counter() - start_s) / max(1, count):.2f} s each')
    for text in notices:
        print(f'    {text}')
    missing = 0 if rate_hz else stated_frames(path) - count
    if missing > 0:
        print(f'    {missing} more frames cannot be read: the video is damaged or cut off')
    color = '' if writer.color_error else f'{writer.color.name}, '
    print(f'    -> {writer.folder}/, {color}{writer.table.name}')
    if writer.color_error:
        print(
            '    the colour video could not be written, but the depth is complete: '
            f'{writer.color_error}'
        )


class _Writer:
    """Write the results of frames as they come; a context.

    The table is written at the end, with the frames so far; the colour video gets its name when it
    is complete.
    """

    def __init__(self, target: Path, fps: float, warning: str) -> None:
        self.folder, self.color, self.table = (
            target.with_name(target.name + end) for end in ('_depth', '_color.mp4', '_frames.csv')
        )
        self.color_error = ''
        """Why the colour video cannot be written; '' when it can."""
        self.rows: list[tuple[int | str, ...]] = []
        """Number, time, head, probabilities and median depth of each frame."""
        self._fps, self._warning = container_fps(fps), warning
        self._video: cv2.VideoWriter | None = None
        self._video_frames = 0
        self._last_shown: NDArray[np.uint8] | None = None
        self._probabilities: dict[str, float] = {}  # of the router's latest run
        self.folder.mkdir(parents=True, exist_ok=True)
        # those of an earlier run, which may have more frames
        frames = self.folder.glob(6 * '[0-9]' + '.png')
        for old in (*frames, self.color, self.table):
            old.unlink(missing_ok=True)
        self._workspace = TemporaryDirectory(dir=target.parent, prefix='.video-')
        self._unfinished = Path(self._workspace.name) / self.color.name

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with self._workspace:
            if self._video is not None:
                self._video.release()
                if kind is None and not self.color_error:
                    self._unfinished.replace(self.color)
        text = io.StringIO()
        table = csv.writer(text)
        table.writerow(('frame', 'time_s', 'head', 'indoor', 'outdoor', 'median_depth_m'))
        table.writerows(self.rows)
        write_file(self.table, text.getvalue())

    def write(self, time_s: float, rgb: NDArray[np.uint8], found: ImageOutputs) -> None:
        """Write one frame."""
        assert found.depth_m is not None
        number = len(self.rows)
        write_depth_png(self.folder / f'{number:06d}.png', found.depth_m)
        self._probabilities = found.router_probabilities or self._probabilities
        shares = [self._probabilities.get(head, float('nan')) for head in COLOR_RANGE_M]
        known_m = found.depth_m[np.isfinite(found.depth_m)]
        median_m = float(np.median(known_m)) if known_m.size else float('nan')
        row = (f'{time_s:.3f}', found.head, *(f'{p:.3f}' for p in shares), f'{median_m:.3f}')
        self.rows.append((number, *row))
        near_m, far_m = color_range_m(found.head, found.range_m)
        beside = np.hstack([rgb[..., ::-1], depth_to_bgr(found.depth_m, near_m, far_m)])
        beside = np.ascontiguousarray(beside[: len(beside) // 2 * 2])  # codecs want even sides
        self._show(time_s, draw_warning(beside, self._warning) if self._warning else beside)

    def _show(self, time_s: float, bgr: NDArray[np.uint8]) -> None:
        """Add a frame to the colour video at its time; the previous one stays until then."""
        if self.color_error:
            return
        try:
            if self._video is None:
                self._video = self._opened(bgr.shape[1], bgr.shape[0])
            while self._last_shown is not None and self._video_frames < round(time_s * self._fps):
                self._video.write(self._last_shown)
                self._video_frames += 1
            self._video.write(bgr)
            self._video_frames, self._last_shown = self._video_frames + 1, bgr
        except (ValueError, OSError, cv2.error) as error:
            self.color_error = f'{self.color} cannot be written: {error}'

    def _opened(self, width: int, height: int) -> cv2.VideoWriter:
        code = int.from_bytes(b'mp4v', 'little')  # what VideoWriter.fourcc makes
        video = cv2.VideoWriter(
            name_for_opencv(self._unfinished), code, self._fps, (width, height)
        )
        if not video.isOpened():
            size = f'{width} x {height} px, {self._fps:g} frames per second'
            raise OSError(f'OpenCV cannot write a video of {size}')
        return video
