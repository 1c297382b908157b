"""Planes become the JPEG that they should, and memory is used again."""

import threading

import cv2
import numpy as np
import pytest

from losszero_rt.frame import Matrix, Planes
from losszero_rt.preprocess import rgb_to_yuv
from losszero_rt.serve.pictures import JpegEncoder, NewestPainted, Picture
from tests.serve.painted import painted, read_number
from tests.serve.watcher import decoded


def encode(planes: Planes, *, max_side: int = 4096, quality: int = 95) -> Picture:
    newest = NewestPainted()
    newest.put(planes, index=3, captured_at_s=1.5)
    taken = newest.take()
    assert taken is not None
    return JpegEncoder(quality=quality, max_side=max_side).encode(taken)


def flat(rgb: tuple[int, int, int], *, matrix: Matrix, full_range: bool, chroma: int) -> Planes:
    yuv = (rgb_to_yuv(matrix, full_range) @ np.array([*rgb, 1.0])).round().astype(np.uint8)
    small = (48 // chroma, 64 // chroma)
    return Planes(
        y=np.full((48, 64), yuv[0], np.uint8),
        u=np.full(small, yuv[1], np.uint8),
        v=np.full(small, yuv[2], np.uint8),
        matrix=matrix,
        full_range=full_range,
    )


@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("chroma", [1, 2])
@pytest.mark.parametrize("rgb", [(235, 115, 20), (20, 130, 80), (60, 60, 60)])
def test_colours_arrive_as_they_were_painted(
    rgb: tuple[int, int, int], matrix: Matrix, full_range: bool, chroma: int
) -> None:
    picture = encode(flat(rgb, matrix=matrix, full_range=full_range, chroma=chroma))
    found_bgr = decoded(picture.jpeg).reshape(-1, 3).mean(axis=0)
    assert np.abs(found_bgr[::-1] - rgb).max() <= 4


def test_strided_and_odd_planes_are_encoded() -> None:
    wide = painted(5, size=(64, 512))
    planes = Planes(y=wide.y[:31, :251], u=wide.u[:16, :126], v=wide.v[:16, :126])
    assert decoded(encode(planes).jpeg).shape == (31, 251, 3)


@pytest.mark.parametrize(("size", "small"), [((180, 640), (90, 320)), ((640, 180), (320, 90))])
def test_large_pictures_are_reduced_in_shape(size: tuple[int, int], small: tuple[int, int]) -> None:
    picture = encode(painted(0xA5A5, size=size), max_side=320)
    assert decoded(picture.jpeg).shape[:2] == small


def test_reduced_picture_keeps_its_content() -> None:
    picture = encode(painted(0xA5A5, size=(360, 1280)), max_side=640)
    assert read_number(cv2.cvtColor(decoded(picture.jpeg), cv2.COLOR_BGR2GRAY)) == 0xA5A5


def test_newest_picture_wins_and_older_ones_are_forgotten() -> None:
    newest = NewestPainted()
    for index in range(5):
        newest.put(painted(index), index=index, captured_at_s=float(index))
    taken = newest.take()
    assert taken is not None
    assert (taken.index, taken.captured_at_s) == (4, 4.0)
    assert newest.take() is None


def test_picture_is_a_copy_of_its_own() -> None:
    newest, planes = NewestPainted(), painted(7)
    newest.put(planes, index=7, captured_at_s=0.0)
    planes.y[:] = 0
    taken = newest.take()
    assert taken is not None
    assert read_number(taken.planes.y) == 7


def test_memory_is_used_again_but_never_while_it_is_read() -> None:
    newest, kept = NewestPainted(), []
    for index in range(50):
        newest.put(painted(index), index=index, captured_at_s=0.0)
        taken = newest.take()
        assert taken is not None
        kept.append(taken.memory)
        for later in (index + 1, index + 2, index + 3):
            newest.put(painted(later), index=later, captured_at_s=0.0)
        assert read_number(taken.planes.y) == index
        waiting = newest.take()
        assert waiting is not None
        newest.give_back(taken)
        newest.give_back(waiting)
    assert len({id(memory) for memory in kept}) <= 4


def test_two_threads_never_mix_a_picture() -> None:
    newest, end = NewestPainted(), threading.Event()
    pictures = [painted(index, size=(64, 64)) for index in range(64)]

    def put() -> None:
        index = 0
        while not end.is_set():
            newest.put(pictures[index % 64], index=index % 64, captured_at_s=0.0)
            index += 1

    thread = threading.Thread(target=put)
    thread.start()
    try:
        found = 0
        while found < 100:
            taken = newest.take()
            if taken is not None:
                found += 1
                assert np.array_equal(taken.planes.y, pictures[taken.index].y)
                newest.give_back(taken)
    finally:
        end.set()
        thread.join()
