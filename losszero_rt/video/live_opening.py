"""Opening a live source: what libav is told for each kind, and nothing it could be led astray by.

Only RTSP is left to libav's own network code, since a read that was interrupted there can be
taken up again. Its other protocols remember an interruption for good, so bytes over HTTP and
UDP come through feeds of our own. No format that is opened here can name another file.
"""

import math
import os
import sys
from dataclasses import dataclass, replace
from typing import Any

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from losszero_rt.errors import InputError
from losszero_rt.timings import now_s
from losszero_rt.video.addresses import Address
from losszero_rt.video.cameras import camera_format, device_of, find_cameras
from losszero_rt.video.feeds import Feed
from losszero_rt.video.live_clock import LEAP_S
from losszero_rt.video.live_options import LiveOptions
from losszero_rt.video.opening_file import PLAIN_CONTAINERS
from losszero_rt.video.rtsp_greeting import greet
from losszero_rt.video.sockets import Patience
from losszero_rt.video.stop_flag import StopFlag

# Longest time libav may sit in one read; how soon RTSP and devices notice a stop.
READ_SLICE_S = 1.0
# Formats that carry no times of their own: pictures are as old as their arrival.
_TIMELESS = ("mpjpeg", "mjpeg", "h264", "hevc", "ivf")
# Enough to see the first picture's parameters, too little to fall behind.
_SHORT_LOOK = {"probesize": "500000", "analyzeduration": "500000", "fpsprobesize": "0"}
# Whoever enters a stream in its middle has to wait for a key frame.
_STREAMED = ("rtsp", "http", "udp")
# As an option this is a number: libav has no name for "do not wait".
_NON_BLOCKING = {"fflags": "+4"}


@dataclass(frozen=True, kw_only=True)
class Connection:
    """An open live source. Streams die with the container, so only its owner looks at them.

    Attributes:
        container: The open container.
        video: The stream that is read.
        by_arrival: Whether its times mean nothing, and pictures are as old as their arrival.
        paced: Whether it is read faster than shown unless somebody holds it back.
        leap_s: How far ahead a time is one of another clock then, seconds.
        keyed: Whether decoding has to wait for a key frame.
        finite: Whether its end is the end of the source.
        feed: What libav reads from; None where it reads by itself.
    """

    container: InputContainer
    video: VideoStream
    by_arrival: bool
    paced: bool
    keyed: bool
    finite: bool
    feed: Feed | None = None
    leap_s: float = LEAP_S

    def close(self) -> None:
        """Let go of the source."""
        self.container.close()
        if self.feed is not None:
            self.feed.close()


def connect(
    address: Address, *, options: LiveOptions, stop: StopFlag, timeout_s: float
) -> Connection:
    """Open a live source.

    Args:
        address: What to open.
        options: How to read it.
        stop: The wish to stop.
        timeout_s: Longest wait for each step, seconds.

    Raises:
        InputError: There is no such camera or screen, or no video in what was opened.
        av.error.FFmpegError, OSError, HTTPException, ValueError: It cannot be opened; see
            :func:`losszero_rt.video.refusals.refusal_of`, which makes an error of it that holds
            no secrets.
        Stopped: Somebody asked to stop.
    """
    patience = Patience(stop, silence_s=timeout_s)
    if address.kind == "camera":
        return _opened(address, options, *_camera(address, options), timeout_s)
    if address.kind == "screen":
        return _opened(address, options, *_screen(options), timeout_s)
    if address.kind == "lavfi":
        return _opened(address, options, address.target, "lavfi", {}, timeout_s)
    assert address.place is not None, "what is no device has a place"
    if address.kind == "rtsp":
        greet(address.place, patience=patience)
        return _opened(
            address, options, address.place.secret_url, "rtsp", _rtsp(options), timeout_s
        )
    return _fed(address, options, patience)


def _rtsp(options: LiveOptions) -> dict[str, str]:
    # Without a look ahead the first key frame is decoded; fflags nobuffer would throw it away.
    return {
        "rtsp_transport": options.rtsp_transport,
        "allowed_media_types": "video",
        "protocol_whitelist": "rtp,srtp,tcp,udp,tls,rtsp,rtsps",
        "reorder_queue_size": "0" if options.rtsp_transport == "tcp" else "64",
        "max_delay": "100000",
        "analyzeduration": "0",
        "probesize": "32000",
    }


def _device_wishes(options: LiveOptions) -> dict[str, str]:
    wishes = {}
    if options.width is not None:
        wishes["video_size"] = f"{options.width}x{options.height}"
    if options.input_fps is not None:
        wishes["framerate"] = f"{options.input_fps:g}"
    return wishes


def _camera(address: Address, options: LiveOptions) -> tuple[str, str, dict[str, str]]:
    cameras = find_cameras()
    device = device_of(address.target, cameras=cameras)
    if device is None or (sys.platform == "linux" and not os.path.exists(device)):  # noqa: PTH110
        raise no_camera(f"there is no {address.name}")
    name, _ = camera_format()
    return device, name, _device_wishes(options) | _NON_BLOCKING


def no_camera(came: str, *, remedy: str = "") -> InputError:
    """Return an error that lists the cameras there are."""
    found = ", ".join(str(camera) for camera in find_cameras())
    return InputError(came, accepted=f"cameras found: {found or 'none'}", remedy=remedy)


def _screen(options: LiveOptions) -> tuple[str, str, dict[str, str]]:
    wishes = _device_wishes(options)
    if sys.platform == "win32":
        return "desktop", "gdigrab", wishes
    if sys.platform == "darwin":
        return "Capture screen 0:none", "avfoundation", wishes
    if not os.environ.get("DISPLAY"):
        raise InputError("there is no screen to read: DISPLAY is not set", accepted="an X display")
    loaded = list(sys.modules)
    if "cv2" in loaded and loaded.index("cv2") < loaded.index("av"):
        # Both bring libraries of X, and libav would end the process in those of OpenCV.
        raise InputError(
            "the screen cannot be read where OpenCV was loaded before PyAV",
            accepted="a process that loads PyAV first, as losszero-rt live screen does",
            remedy="import av before cv2 and losszero_rt",
        )
    return os.environ["DISPLAY"], "x11grab", wishes


def _opened(
    address: Address,
    options: LiveOptions,
    url: str,
    name: str,
    settings: dict[str, str],
    timeout_s: float,
) -> Connection:
    """Let libav open a device, a filter graph or RTSP."""
    container = _open_mjpeg_first(
        url, name, settings, (timeout_s, READ_SLICE_S), mjpeg=name == "v4l2" and options.asks_device
    )
    drawn = address.kind == "lavfi"
    connection = _connection(
        container, address, options, paced=drawn and options.realtime, finite=drawn
    )
    # A graph has but one clock, and may well give a picture a minute.
    return replace(connection, leap_s=math.inf) if drawn else connection


def _open_mjpeg_first(
    url: str, name: str, settings: dict[str, str], timeout: tuple[float, float], *, mjpeg: bool
) -> InputContainer:
    """Open; with a wish for size or rate as MJPEG first, in which USB cameras are faster."""
    if mjpeg:
        try:
            return av.open(
                url, "r", name, options=settings | {"input_format": "mjpeg"}, timeout=timeout
            )
        except av.error.ArgumentError:
            pass
    return av.open(url, "r", name, options=settings, timeout=timeout)


def _fed(address: Address, options: LiveOptions, patience: Patience) -> Connection:
    """Let libav read a feed of ours."""
    assert address.place is not None, "feeds come from the network"
    until_s = now_s() + patience.silence_s
    feed = _feed(address, patience)
    try:
        settings = _SHORT_LOOK | {
            "format_whitelist": PLAIN_CONTAINERS,
            "protocol_whitelist": "none",
            "max_pixels": str(options.max_pixels),
        }
        container = av.open(feed, "r", options=settings, timeout=(until_s - now_s() + 1, None))
        connection = _connection(
            container,
            address,
            options,
            paced=feed.paced and options.realtime,
            finite=feed.finite,
            feed=feed,
        )
    except BaseException:
        feed.close()
        if feed.failure is not None:
            raise feed.failure from None
        raise
    patience.silence_s = options.read_timeout_s
    return connection


def _feed(address: Address, patience: Patience) -> Feed:
    assert address.place is not None, "feeds come from the network"
    if address.kind == "udp":
        from losszero_rt.video.udp_feed import open_udp

        return open_udp(address.place, patience=patience)
    # The HTTP library costs a twentieth of a second that cameras need not pay.
    from losszero_rt.video.http_feed import open_http

    return open_http(address.place, patience=patience)


def _connection(
    container: InputContainer,
    address: Address,
    options: LiveOptions,
    *,
    paced: bool,
    finite: bool,
    feed: Feed | None = None,
) -> Connection:
    try:
        return Connection(
            container=container,
            video=_video_of(container, address, max_pixels=options.max_pixels),
            by_arrival=container.format.name in _TIMELESS,
            paced=paced,
            keyed=address.kind in _STREAMED,
            finite=finite,
            feed=feed,
        )
    except BaseException:
        container.close()
        raise


def _video_of(container: InputContainer, address: Address, *, max_pixels: int) -> VideoStream:
    video = container.streams.best("video")
    if not isinstance(video, VideoStream):
        raise InputError(f"{address.name}: no video in it")
    # The annotation promises a context; a stream without a decoder has none.
    context: Any = getattr(video, "codec_context", None)
    if context is None:
        raise InputError(f"{address.name}: no decoder for its video")
    if context.width * context.height > max_pixels:
        raise InputError(
            f"{address.name} has {context.width}x{context.height} pixels",
            accepted=f"at most {max_pixels} pixels",
            remedy=f"--max-pixels {context.width * context.height} lets it in",
        )
    return video
