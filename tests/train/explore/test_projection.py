import cv2
import numpy as np
import pytest

from losszero_rt.errors import InputError
from train.explore.projection import (
    BOX_EDGES,
    ROTATION_KINDS,
    Camera,
    RotationKind,
    box_corners,
    rotation_matrix,
)

# A LiDAR looks along x with y to the left; a third of a turn about (1, -1, 1) makes it a camera.
THIRD_TURN = 2 * np.pi / 3 / np.sqrt(3) * np.array([1.0, -1.0, 1.0])
SIZE = (480, 640)


@pytest.fixture
def camera() -> Camera:
    """Return a camera of 100 px focal length, 1 m above and 2 m behind the LiDAR."""
    return Camera(
        intrinsic_33=np.array([[100.0, 0, 320], [0, 100, 240], [0, 0, 1]]),
        rotation_33=rotation_matrix(THIRD_TURN, kind="vector"),
        translation_3=np.array([0.0, 1.0, 2.0]),
    )


def test_points_land_where_reckoning_by_hand_puts_them(camera: Camera) -> None:
    # 8 m ahead of the LiDAR is 10 m ahead of the camera and 1 m below its axis.
    points = np.array([[8.0, 0, 0], [8, 0, 1], [8, 2, 1], [8, -2, 1], [3, 0, -0.5]])
    pixels, depths = camera.project(points, size=SIZE)
    np.testing.assert_allclose(
        pixels, [[320, 250], [320, 240], [300, 240], [340, 240], [320, 270]], atol=1e-9
    )
    np.testing.assert_allclose(depths, [10, 10, 10, 10, 5])


def test_points_behind_beside_and_at_the_camera_are_dropped(camera: Camera) -> None:
    behind, beside, at, seen = (-9.0, 0, 1), (8.0, 99, 1), (-2.0, 0, 1), (8.0, 0, 1)
    pixels, depths = camera.project(np.array([behind, beside, at, seen]), size=SIZE)
    np.testing.assert_allclose(pixels, [[320, 240]], atol=1e-9)
    assert len(depths) == 1


def test_no_points_give_no_pixels(camera: Camera) -> None:
    pixels, depths = camera.project(np.zeros((0, 3)), size=SIZE)
    assert pixels.shape == (0, 2)
    assert depths.shape == (0,)


def test_rotation_vector_equals_opencv() -> None:
    for angles in np.random.default_rng(0).normal(0, 2, (20, 3)):
        expected = cv2.Rodrigues(angles)[0]
        np.testing.assert_allclose(rotation_matrix(angles, kind="vector"), expected, atol=1e-12)


def test_euler_turns_about_x_then_y_then_z() -> None:
    quarter = np.pi / 2
    turned = rotation_matrix(np.array([quarter, quarter, 0]), kind="euler")
    # About x, y goes to z; about y, z goes to x.
    np.testing.assert_allclose(turned @ [0, 1, 0], [1, 0, 0], atol=1e-12)
    turned = rotation_matrix(np.array([0, quarter, quarter]), kind="euler")
    # About y, z goes to x; about z, x goes to y.
    np.testing.assert_allclose(turned @ [0, 0, 1], [0, 1, 0], atol=1e-12)


@pytest.mark.parametrize("kind", ROTATION_KINDS)
def test_no_angle_is_no_rotation(kind: RotationKind) -> None:
    np.testing.assert_array_equal(rotation_matrix(np.zeros(3), kind=kind), np.eye(3))


def test_box_corners_go_round_the_bottom_then_the_top() -> None:
    corners = box_corners(
        np.array([10.0, 5, 1]), dimensions=np.array([4.0, 2, 2]), rotation_z=np.pi / 2
    )
    # Turned by a quarter, the length of 4 lies along y and the width of 2 along x.
    expected = [[9, 7, 0], [9, 3, 0], [11, 3, 0], [11, 7, 0]]
    np.testing.assert_allclose(corners[:4], expected, atol=1e-9)
    np.testing.assert_allclose(corners[4:] - corners[:4], [[0, 0, 2]] * 4, atol=1e-9)


def test_every_box_edge_runs_along_one_side() -> None:
    corners = box_corners(np.zeros(3), dimensions=np.array([4.0, 2, 3]), rotation_z=0.3)
    lengths = [np.linalg.norm(corners[a] - corners[b]) for a, b in BOX_EDGES]
    assert sorted(np.round(lengths, 9)) == [2] * 4 + [3] * 4 + [4] * 4


def test_edges_are_cut_at_the_camera_and_dropped_behind_it(camera: Camera) -> None:
    ahead, behind = [8.0, 1, 1], [-12.0, 1, 1]
    edges = np.array([[ahead, behind], [behind, ahead], [behind, behind], [ahead, ahead]])
    lines = camera.project_edges(edges)
    # At 0.1 m of depth, 1 m to the left is 1000 px left of the middle.
    np.testing.assert_allclose(lines[0], [[310, 240], [-680, 240]], atol=1e-6)
    np.testing.assert_allclose(lines[1], lines[0][::-1], atol=1e-6)
    np.testing.assert_allclose(lines[2], [[310, 240]] * 2, atol=1e-6)
    assert len(lines) == 3


@pytest.mark.parametrize(
    "broken",
    [
        {"intrinsic_33": np.eye(4)},
        {"rotation_33": np.zeros(3)},
        {"translation_3": np.array([0, np.nan, 0])},
    ],
)
def test_calibration_of_another_shape_is_refused(
    camera: Camera, broken: dict[str, np.ndarray]
) -> None:
    parts = {
        "intrinsic_33": camera.intrinsic_33,
        "rotation_33": camera.rotation_33,
        "translation_3": camera.translation_3,
    }
    with pytest.raises(InputError, match="calibration"):
        Camera(**(parts | broken))
    with pytest.raises(InputError, match="3 numbers"):
        rotation_matrix(np.zeros(4), kind="vector")
