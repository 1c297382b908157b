"""A real RTSP server for tests, run by the system's Python, where Debian's GStreamer is.

    /usr/bin/python3 tests/video/rtsp_server.py --size 320x240

It prints the port it serves ``/live`` on and serves until it is killed.

Debian: gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good
gstreamer1.0-plugins-ugly
"""

import argparse
import importlib
import sys
from typing import Any

LAUNCH = (
    "( videotestsrc is-live=true pattern={pattern} "
    "! video/x-raw,format=I420,width={width},height={height},framerate={fps}/1 "
    "! identity drop-probability={drop} "
    "! x264enc tune=zerolatency speed-preset=ultrafast key-int-max={gop} threads=1 "
    "! rtph264pay name=pay0 pt=96 config-interval=1 )"
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", default="0")
    parser.add_argument("--size", default="320x240", help="WIDTHxHEIGHT")
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--gop", type=int, default=30)
    parser.add_argument("--drop", type=float, default=0.0, help="share of frames never made")
    parser.add_argument("--pattern", default="smpte")
    parser.add_argument("--auth", choices=("none", "basic", "digest"), default="none")
    parser.add_argument("--user", default="rider")
    parser.add_argument("--password", default="")
    return parser.parse_args()


def demand_login(rtsp: Any, server: Any, factory: Any, asked: argparse.Namespace) -> None:
    gst_rtsp = importlib.import_module("gi.repository.GstRtsp")
    permissions = rtsp.RTSPPermissions.new()
    for right in ("media.factory.access", "media.factory.construct"):
        permissions.add_permission_for_role("viewer", right, True)
    factory.set_permissions(permissions)
    token = rtsp.RTSPToken.new()
    token.set_string("media.factory.role", "viewer")
    auth = rtsp.RTSPAuth.new()
    if asked.auth == "basic":
        basic = rtsp.RTSPAuth.make_basic(asked.user, asked.password)
        auth.add_basic(basic, token)
    else:
        auth.set_supported_methods(gst_rtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(asked.user, asked.password, token)
    server.set_auth(auth)


def serve() -> None:
    asked = arguments()
    gi: Any = importlib.import_module("gi")
    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtsp", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    gst: Any = importlib.import_module("gi.repository.Gst")
    rtsp: Any = importlib.import_module("gi.repository.GstRtspServer")
    glib: Any = importlib.import_module("gi.repository.GLib")
    gst.init(None)
    missing = [
        n for n in ("videotestsrc", "x264enc", "rtph264pay") if not gst.ElementFactory.find(n)
    ]
    if missing:
        sys.exit(f"GStreamer lacks {', '.join(missing)}")
    width, height = asked.size.split("x")
    server = rtsp.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service(asked.port)
    factory = rtsp.RTSPMediaFactory.new()
    factory.set_shared(True)
    launch = LAUNCH.format(
        width=width,
        height=height,
        fps=asked.fps,
        gop=asked.gop,
        drop=asked.drop,
        pattern=asked.pattern,
    )
    factory.set_launch(launch)
    if asked.auth != "none":
        demand_login(rtsp, server, factory, asked)
    server.get_mount_points().add_factory("/live", factory)
    if not server.attach(None):
        sys.exit("the port is taken")
    print(server.get_bound_port(), flush=True)
    glib.MainLoop().run()


if __name__ == "__main__":
    serve()
