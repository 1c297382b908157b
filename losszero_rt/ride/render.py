"""`Ride`: frame by frame, in any order, the same bytes for the same spec."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from losszero_rt.ride.camera import Lens, Pose, View
from losszero_rt.ride.film import Film
from losszero_rt.ride.foreground import Bonnet, Mount
from losszero_rt.ride.ground import SKY_BASE, Ground
from losszero_rt.ride.light import Lighting
from losszero_rt.ride.painter import Painter, Sheet
from losszero_rt.ride.road import Course, Journey, draw_wave
from losszero_rt.ride.roadbed import Roadbed
from losszero_rt.ride.scenery import Scenery
from losszero_rt.ride.setting import draw_setting
from losszero_rt.ride.spec import UNDRIVABLE, RideFrame, RideSpec, presentation_times, rng_for
from losszero_rt.ride.traffic import Traffic
from losszero_rt.ride.vehicles import build
from losszero_rt.ride.walkers import walkers_beside


class Ride:
    """A night ride; `render` draws any frame of it, alone."""

    def __init__(self, spec: RideSpec) -> None:
        """Draw the choices of the seed and prepares what all frames share.

        Args:
            spec: What to draw.
        """
        self.spec = spec
        self._times = presentation_times(spec)
        setting = draw_setting(spec.seed)
        self.setting = setting
        self._journey = Journey(setting)
        self._lens = Lens(spec.size, setting.camera)
        self._lighting = Lighting(setting)
        self._ground = Ground(self._lens, setting, self._lighting)
        self._roadbed = Roadbed(setting)
        self._scenery = Scenery(setting, self._lighting)
        self._traffic = Traffic(setting)
        self._film = Film(spec.size, setting)
        rng = rng_for(spec.seed, 26)
        self._shake = draw_wave(rng, lengths=(0.9, 0.31, 0.083), peaks=(0.004, 0.003, 0.002))
        self._weave = draw_wave(rng, lengths=(11.0, 4.3), peaks=(0.45, 0.12))
        self._front: Mount | Bonnet = (
            Mount(spec.size, setting, self._lighting)
            if spec.viewpoint == "motorcycle"
            else Bonnet(spec.size, setting)
        )

    @property
    def num_frames(self) -> int:
        """Number of frames in the ride."""
        return len(self._times)

    def times(self) -> list[Fraction]:
        """Return the presentation times in seconds, strictly increasing."""
        return list(self._times)

    def __iter__(self) -> Iterator[RideFrame]:
        """Yield all frames in order."""
        for index in range(self.num_frames):
            yield self.render(index)

    def render(self, index: int) -> RideFrame:
        """Draw one frame.

        Args:
            index: From 0 to num_frames - 1.

        Returns:
            The frame; its arrays are fresh and belong to the caller.

        Raises:
            IndexError: If there is no such frame.
        """
        if not 0 <= index < self.num_frames:
            raise IndexError(
                f"frame {index} was asked for; this ride has frames 0 to {self.num_frames - 1}."
            )
        time_s = float(self._times[index])
        course = self._journey.course(time_s, eye_m=self.setting.camera.height_m)
        view = View(self._lens, self._pose(time_s, course), course, side=self.setting.road.side)
        sheet = self._paint(time_s, view)
        self._film.bloom(sheet.pixels, sheet.glow)
        sheet.pixels = self._film.smear(sheet.pixels, pull=course.speed_mps / 14)
        self._front.draw(sheet, view, time_s)
        pixels = self._film.develop(sheet.pixels, index=index, time_s=time_s)
        return RideFrame(index=index, time_s=time_s, pixels_HWC=pixels, labels_HW=sheet.labels)

    def _pose(self, time_s: float, course: Course) -> Pose:
        setting = self.setting
        jolt = setting.camera.shake * min(course.speed_mps / 15, 1.4)
        lean = np.arctan(course.bend * course.speed_mps**2 / 9.81)
        weave = float(self._weave.value(time_s))
        return Pose(
            u_m=setting.road.lane_u(setting.road.ego_lane) + weave,
            height_m=setting.camera.height_m,
            yaw=float(course.bend * 9.0 + 0.012 * np.sin(0.41 * time_s)),
            pitch=self._lens.pitch + jolt * float(self._shake.value(time_s)),
            roll=float(0.45 * lean + 0.004 * jolt * np.sin(2.3 * time_s)),
        )

    def _paint(self, time_s: float, view: View) -> Sheet:
        sheet = Sheet(self.spec.size)
        sheet.pixels[:] = SKY_BASE
        sheet.labels[:] = UNDRIVABLE
        painter = Painter(sheet, view)
        crossings = self._roadbed.crossings(view.course)
        things = self._scenery.things(view, crossings)
        movers = self._traffic.vehicles(time_s, view.course)
        if self.spec.walkers == "many":
            movers += walkers_beside(self.setting, view.course)
        for vehicle in movers:
            light = self._lighting.on_thing(view, vehicle.u_m, max(vehicle.near_m, 3.0))
            things.append(build(vehicle, light, view.pose.u_m))
        placed = painter.place(things)
        painter.streak(placed, wet=self.setting.road.wet)
        painter.paint(painter.place(self._roadbed.things(view.course)))
        self._ground.shade(sheet, view)
        painter.paint(placed)
        return sheet
