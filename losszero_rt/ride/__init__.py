"""Night motorcycle rides drawn by arithmetic: pixels with exact labels."""

from losszero_rt.ride.render import Ride
from losszero_rt.ride.spec import RideFrame, RideSpec

__all__ = ["Ride", "RideFrame", "RideSpec"]
