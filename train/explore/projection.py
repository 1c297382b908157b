"""From metres in the frame of a LiDAR to pixels of the camera beside it.

Shape letters: N points, M edges. A camera looks along its own +z, with x to the right, y down.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from losszero_rt.errors import InputError

RotationKind = Literal["vector", "euler"]
ROTATION_KINDS: tuple[RotationKind, ...] = ("vector", "euler")
# Nearer than this a point says nothing, and dividing by its depth would throw it anywhere.
DEPTH_MIN_M = 0.1
# Edges of a box as pairs of corners of :func:`box_corners`: bottom, top, then the uprights.
BOX_EDGES = (
    *((0, 1), (1, 2), (2, 3), (3, 0)),
    *((4, 5), (5, 6), (6, 7), (7, 4)),
    *((0, 4), (1, 5), (2, 6), (3, 7)),
)


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A pinhole camera without distortion.

    Attributes:
        intrinsic_33: float64 (3, 3), focal lengths and centre in pixels.
        rotation_33: float64 (3, 3), turns LiDAR axes into camera axes.
        translation_3: float64 (3,), where the LiDAR is in the camera's frame, metres.
    """

    intrinsic_33: np.ndarray
    rotation_33: np.ndarray
    translation_3: np.ndarray

    def __post_init__(self) -> None:
        shapes = (self.intrinsic_33.shape, self.rotation_33.shape, self.translation_3.shape)
        arrays = (self.intrinsic_33, self.rotation_33, self.translation_3)
        if shapes != ((3, 3), (3, 3), (3,)) or not all(np.isfinite(a).all() for a in arrays):
            raise InputError(
                f"calibration of the shapes {shapes}",
                accepted="intrinsic 3x3, rotation of 3 numbers, translation of 3, all finite",
            )

    def see(self, points_N3: np.ndarray) -> np.ndarray:
        """Return points of the LiDAR's frame in the camera's, float64 (N, 3), metres."""
        return np.asarray(points_N3.astype(np.float64) @ self.rotation_33.T + self.translation_3)

    def project(
        self, points_N3: np.ndarray, *, size: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Project points and drop all that the picture does not show.

        Args:
            points_N3: (N, 3) in the LiDAR's frame, metres.
            size: (height, width) of the picture in pixels.

        Returns:
            float64 (K, 2) pixels (x, y) and float64 (K,) depths in metres of the K points that
            lie in front of the camera and inside the picture.
        """
        seen_N3 = self.see(points_N3)
        seen_N3 = seen_N3[seen_N3[:, 2] >= DEPTH_MIN_M]
        pixels_N2 = self._divide(seen_N3)
        height, width = size
        inside_N = ((pixels_N2 >= 0) & (pixels_N2 < (width, height))).all(axis=1)
        return pixels_N2[inside_N], seen_N3[inside_N, 2]

    def project_edges(self, edges_M23: np.ndarray) -> np.ndarray:
        """Project straight edges, each cut off where it passes behind the camera.

        Args:
            edges_M23: (M, 2, 3), both ends of each edge in the LiDAR's frame, metres.

        Returns:
            float64 (K, 2, 2): both ends (x, y) in pixels, perhaps outside the picture, of the K
            edges of which something lies in front of the camera.
        """
        seen_M23 = self.see(edges_M23.reshape(-1, 3)).reshape(-1, 2, 3)
        seen_M23 = seen_M23[(seen_M23[:, :, 2] >= DEPTH_MIN_M).any(axis=1)]
        for near, far in ((0, 1), (1, 0)):
            behind = seen_M23[:, near, 2] < DEPTH_MIN_M
            start, end = seen_M23[behind, near], seen_M23[behind, far]
            share = (DEPTH_MIN_M - start[:, 2:]) / (end[:, 2:] - start[:, 2:])
            seen_M23[behind, near] = start + share * (end - start)
        return self._divide(seen_M23.reshape(-1, 3)).reshape(-1, 2, 2)

    def _divide(self, seen_N3: np.ndarray) -> np.ndarray:
        flat_N3 = seen_N3 @ self.intrinsic_33.T
        return np.asarray(flat_N3[:, :2] / flat_N3[:, 2:])


def rotation_matrix(angles: np.ndarray, *, kind: RotationKind) -> np.ndarray:
    """Return the rotation that three numbers stand for.

    The parking data does not say what its three numbers are. They lie near (1.2, -1.2, 1.2),
    and read as a rotation vector that is a third of a turn about (1, -1, 1), which takes x
    (forward of a LiDAR) to z (forward of a camera), y to -x and z to -y, as it should be. Read as
    Euler angles they leave the camera tilted by tens of degrees. So ``vector`` is the rule.

    Args:
        angles: (3,) radians.
        kind: ``vector``: the axis, as long as the angle (Rodrigues). ``euler``: turns about the
            fixed axes x, then y, then z.

    Returns:
        float64 (3, 3).

    Source: Rodrigues' formula, as in OpenCV's ``Rodrigues``.
    """
    if angles.shape != (3,):
        raise InputError(f"rotation of the shape {angles.shape}", accepted="3 numbers")
    if kind == "vector":
        return _about(angles)
    x, y, z = np.diag(angles)
    return np.asarray(_about(z) @ _about(y) @ _about(x))


def _about(vector_3: np.ndarray) -> np.ndarray:
    angle = float(np.linalg.norm(vector_3))
    if angle == 0:
        return np.eye(3)
    x, y, z = vector_3 / angle
    cross_33 = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(
        np.eye(3) + np.sin(angle) * cross_33 + (1 - np.cos(angle)) * cross_33 @ cross_33
    )


def box_corners(location: np.ndarray, *, dimensions: np.ndarray, rotation_z: float) -> np.ndarray:
    """Return the eight corners of an upright box.

    Args:
        location: (3,) its middle in the LiDAR's frame, metres.
        dimensions: (3,) length along its own x, width along y, height along z, metres.
        rotation_z: Its turn about the upright axis, radians, from x towards y.

    Returns:
        float64 (8, 3): the four of the bottom, all the way round, then the four of the top.
    """
    ring = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)])
    signs_83 = np.array([(x, y, z) for z in (-1, 1) for x, y in ring], np.float64)
    turned_83 = signs_83 * dimensions / 2 @ _about(np.array([0, 0, rotation_z])).T
    return np.asarray(turned_83 + location)
