"""The node's services: disable and enable, save the scale, recover."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger

from zoedepth_ros.errors import describe
from zoedepth_ros.ros.camera_stream import CameraStream

ENABLE, SAVE_SCALE, RECOVER = '~/enable', '~/save_scale', '~/recover'


class Services:
    """Offer ~/enable, ~/save_scale and ~/recover; with names ~/<camera>/enable and so on too."""

    def __init__(
        self,
        node: Node,
        streams: Sequence[CameraStream],
        *,
        is_active: Callable[[], bool],
        recover: Callable[[], bool | None],
    ) -> None:
        """recover: requests it; returns whether there is a fallback, None if not configured."""
        self._is_active, self._recover = is_active, recover
        node.create_service(Trigger, RECOVER, self._on_recover)
        groups = {'~': list(streams)}
        groups |= {f'~/{stream.name}': [stream] for stream in streams if stream.name}
        for place, group in groups.items():
            node.create_service(SetBool, ENABLE.replace('~', place), self._enabler(group))
            node.create_service(Trigger, SAVE_SCALE.replace('~', place), self._saver(group))

    def _enabler(self, streams: list[CameraStream]) -> Callable[[Any, Any], Any]:
        def on_enable(request: Any, response: Any) -> Any:
            for stream in streams:
                stream.enabled = request.data
            response.success = True
            response.message = (
                'processing is enabled'
                if request.data
                else 'processing is disabled; the network stays loaded'
            )
            if not self._is_active():
                response.message += '; the node is not active'
            return response

        return on_enable

    def _saver(self, streams: list[CameraStream]) -> Callable[[Any, Any], Any]:
        def on_save_scale(request: Any, response: Any) -> Any:
            try:
                response.success, response.message = True, _save_scales(streams)
            except (ValueError, OSError) as error:
                response.success, response.message = False, describe(error)
            return response

        return on_save_scale

    def _on_recover(self, request: Any, response: Any) -> Any:
        fallback = self._recover()
        response.success = fallback is not None
        response.message = 'the depth network runs as configured, so ~/recover does nothing'
        if fallback is None:
            response.message = 'the node is not configured'
        elif fallback:
            response.message = (
                'the depth network is built again when the next image arrives, and this image '
                'is dropped'
            )
        return response


def _save_scales(streams: list[CameraStream]) -> str:
    """Write the scale of each camera and return the names of the files."""
    files = Counter(stream.settings.scale_file for stream in streams)
    shared = [file for file, cameras in files.items() if file and cameras > 1]
    if shared:
        raise ValueError(
            f'several cameras would write the scale to the same file {shared[0]}: set a '
            f'different file for each camera, such as {streams[0].name}.scale.file'
        )
    saved = []
    for stream in streams:
        if stream.processor is None:
            raise ValueError('the node is not configured')
        saved.append(stream.processor.pipeline.save_scale())
    return ', '.join(saved)
