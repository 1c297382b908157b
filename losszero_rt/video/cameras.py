"""The cameras of this machine, and what libav calls them."""

import sys
from dataclasses import dataclass
from pathlib import Path

import av.device

from losszero_rt.errors import clean_text

_SYSFS = Path("/sys/class/video4linux")
# libav's input format for cameras, and what it puts before a name.
_FORMATS = {"linux": ("v4l2", ""), "darwin": ("avfoundation", ""), "win32": ("dshow", "video=")}


@dataclass(frozen=True, kw_only=True)
class Camera:
    """One camera.

    Attributes:
        device: What to open, e.g. ``/dev/video0``.
        name: What its maker calls it.
    """

    device: str
    name: str

    def __str__(self) -> str:
        return f"{self.device} ({self.name})" if self.name else self.device


def camera_format() -> tuple[str, str]:
    """Return libav's name for this system's cameras, and the prefix of a device."""
    return _FORMATS.get(sys.platform, ("v4l2", ""))


def find_cameras(*, sysfs: Path = _SYSFS) -> list[Camera]:
    """Return the cameras of this machine, in the order of their numbers.

    Args:
        sysfs: Where Linux lists them.
    """
    if sys.platform == "linux":
        return _linux_cameras(sysfs)
    name, prefix = camera_format()
    try:
        found = av.device.enumerate_input_devices(name)
    except (OSError, ValueError):
        return []
    return [
        Camera(device=f"{prefix}{device.name}", name=clean_text(device.description))
        for device in found
        if "video" in device.media_types
    ]


def _linux_cameras(sysfs: Path) -> list[Camera]:
    entries = [e for e in sysfs.glob("video*") if e.name[5:].isdecimal()]
    cameras = []
    for entry in sorted(entries, key=lambda e: int(e.name[5:])):
        # A camera has more than one device; all but the first carry its statistics.
        if _text(entry / "index") in ("", "0"):
            name = clean_text(_text(entry / "name"))
            cameras.append(Camera(device=f"/dev/{entry.name}", name=name))
    return cameras


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def device_of(target: str, *, cameras: list[Camera]) -> str | None:
    """Return the device that a person means; None when there is no such camera.

    Args:
        target: A number, a device, or part of a camera's name.
        cameras: The cameras there are.
    """
    if target.startswith("/dev/"):
        return target
    if target.isdecimal():
        if sys.platform == "linux":
            return f"/dev/video{target}"
        return cameras[int(target)].device if int(target) < len(cameras) else None
    wanted = target.casefold()
    return next((c.device for c in cameras if wanted in c.name.casefold()), None)
