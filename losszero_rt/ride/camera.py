"""From road coordinates to the picture and back: pose, rotation, fisheye lens.

Road coordinates are (u, h, d): metres from the road's middle towards our own side, above its
surface, and ahead of the camera along it. Where one drives on the left, u points left: the rest
of this package need not know.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from losszero_rt.ride.road import Course
from losszero_rt.ride.setting import CameraSetting
from losszero_rt.ride.spec import Array

NEAR_M = 0.35
LIMIT_PX = 12000.0


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Where the camera is and looks at one moment.

    Attributes:
        u_m: Sideways place on the road.
        height_m: Height above it.
        yaw, pitch, roll: Angles in radians; right, down and clockwise positive.
    """

    u_m: float
    height_m: float
    yaw: float
    pitch: float
    roll: float

    def rotation(self) -> Array:
        """Return the (3, 3) matrix that turns (right, down, ahead) into the camera's axes."""
        cy, sy = np.cos(self.yaw), np.sin(self.yaw)
        cp, sp = np.cos(self.pitch), np.sin(self.pitch)
        cr, sr = np.cos(self.roll), np.sin(self.roll)
        turn = np.array(((cy, 0, -sy), (0, 1, 0), (sy, 0, cy)))
        nod = np.array(((1, 0, 0), (0, cp, -sp), (0, sp, cp)))
        tilt = np.array(((cr, sr, 0), (-sr, cr, 0), (0, 0, 1)))
        out: Array = tilt @ nod @ turn
        return out


class Lens:
    """A fisheye whose picture radius is atan(bend * r) / bend for the tangent r of the ray."""

    def __init__(self, size: tuple[int, int], setting: CameraSetting) -> None:
        """Fit the focal length, in pixels, to the picture size and the field of view."""
        height, width = size
        self.size = size
        self._bend = setting.bend
        half = np.tan(np.radians(setting.fov_deg) / 2)
        # A tall picture must not see twice as much above as beside.
        reach = max(width, height * 1.2) / 2
        self.focal_px = float(reach / (np.arctan(self._bend * half) / self._bend))
        self.centre = ((width - 1) / 2, (height - 1) / 2)
        self.pitch = float(np.tan((0.5 - setting.horizon) * height / self.focal_px * self._bend))
        self.pitch = float(np.arctan(self.pitch / self._bend))

    def project(self, rays: Array) -> Array:
        """Map camera rays (N, 3), float64, to picture points (N, 2) as (x, y) in pixels."""
        ahead = np.maximum(rays[:, 2], NEAR_M * 0.5)
        flat = rays[:, :2] / ahead[:, None]
        radius = np.hypot(flat[:, 0], flat[:, 1]) * self._bend + 1e-9
        gain = self.focal_px * np.arctan(radius) / radius
        out: Array = np.clip(flat * gain[:, None] + self.centre, -LIMIT_PX, LIMIT_PX)
        return out

    def rays(self, step: int) -> Array:
        """Return the rays (h, w, 3), float32, through every step-th pixel of the picture."""
        height, width = self.size
        rows = (np.arange(-(-height // step)) + 0.5) * step - 0.5
        cols = (np.arange(-(-width // step)) + 0.5) * step - 0.5
        x = (cols[None, :] - self.centre[0]) / self.focal_px + 0 * rows[:, None]
        y = (rows[:, None] - self.centre[1]) / self.focal_px + 0 * cols[None, :]
        radius = np.minimum(np.hypot(x, y) * self._bend, 1.5) + 1e-9
        gain = np.tan(radius) / radius
        return np.stack((x * gain, y * gain, np.ones_like(x)), -1).astype(np.float32)


class View:
    """One moment's camera on one course: projects many points at once."""

    def __init__(self, lens: Lens, pose: Pose, course: Course, *, side: int) -> None:
        """Bind the three; side is +1 where u points right and -1 where it points left."""
        self.side = side
        self.lens = lens
        self.pose = pose
        self.course = course
        self.rotation = pose.rotation()

    def project(self, points: Array) -> Array:
        """Map road points (N, 3) of (u, h, d), metres, to picture points (N, 2), pixels."""
        course = self.course
        dist = np.maximum(points[:, 2], NEAR_M)
        shift = np.interp(dist, course.dist, course.shift)
        rise = np.interp(dist, course.dist, course.rise)
        world = np.stack(
            (
                self.side * (points[:, 0] - self.pose.u_m) + shift,
                self.pose.height_m - rise - points[:, 1],
                dist,
            ),
            -1,
        )
        return self.lens.project(world @ self.rotation.T)
