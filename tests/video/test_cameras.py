import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from losszero_rt.errors import ExitCode, InputError
from losszero_rt.frame import Frame
from losszero_rt.video import LiveOptions, find_cameras
from losszero_rt.video.addresses import parse_address
from losszero_rt.video.cameras import Camera, device_of
from losszero_rt.video.refusals import refusal_of
from tests.video.live_reading import open_live, take

linux = pytest.mark.skipif(sys.platform != "linux", reason="cameras of Linux")
CAMERAS = [Camera(device="/dev/video0", name="HD Pro C920"), Camera(device="/dev/video10", name="")]


def listed(sysfs: Path, number: int, *, name: str, index: str = "0") -> None:
    entry = sysfs / f"video{number}"
    entry.mkdir()
    (entry / "name").write_text(f"{name}\n")
    (entry / "index").write_text(f"{index}\n")


@linux
def test_cameras_are_listed_once_and_in_order(tmp_path: Path) -> None:
    listed(tmp_path, 10, name="Helmet \x1b[31mcam")
    listed(tmp_path, 2, name="HD Pro C920")
    listed(tmp_path, 3, name="HD Pro C920", index="1")
    found = [str(camera) for camera in find_cameras(sysfs=tmp_path)]
    assert found == ["/dev/video2 (HD Pro C920)", "/dev/video10 (Helmet cam)"]


@linux
def test_numbers_devices_and_names_find_a_camera() -> None:
    assert device_of("3", cameras=[]) == "/dev/video3"
    assert device_of("/dev/video7", cameras=[]) == "/dev/video7"
    assert device_of("pro c9", cameras=CAMERAS) == "/dev/video0"
    assert device_of("front", cameras=CAMERAS) is None


@linux
@pytest.mark.parametrize("source", ["99", "/dev/video99", "webcam:no such camera"])
def test_missing_camera_is_told_with_those_there_are(source: str) -> None:
    with pytest.raises(InputError, match=r"there is no .*cameras found: ") as caught:
        open_live(source)
    assert caught.value.exit_code == ExitCode.INPUT


@linux
def test_screen_without_a_display_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(InputError, match="DISPLAY"):
        open_live("screen")
    monkeypatch.setenv("DISPLAY", ":4999")
    with pytest.raises(InputError, match="screen cannot be read"):
        open_live("screen")


@linux
def test_screen_is_refused_where_it_would_end_the_process() -> None:
    program = (
        "import cv2; from losszero_rt.video import LiveSource, LiveOptions as O, parse_address;"
        "LiveSource(parse_address('screen', options=O()), options=O())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "DISPLAY": ":4999"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "where OpenCV was loaded before PyAV" in done.stderr


@linux
@pytest.mark.parametrize(
    ("number", "told"), [(errno.EBUSY, "in use by another program"), (errno.EACCES, "denied")]
)
def test_camera_that_others_have_or_may_have_is_told_with_those_there_are(
    number: int, told: str
) -> None:
    error = OSError(number, os.strerror(number))
    refusal = refusal_of(error, address=parse_address("/dev/video7", options=LiveOptions()))
    assert told in str(refusal)
    assert "cameras found: " in str(refusal)
    assert refusal.exit_code == ExitCode.INPUT


def test_real_camera_gives_frames_with_its_own_times() -> None:
    cameras = find_cameras()
    if not cameras:
        pytest.skip("no camera on this machine")
    source = open_live(cameras[0].device if sys.platform == "linux" else "0")
    frames: list[Frame] = take(source, 20)
    source.close()
    times = [frame.pts for frame in frames]
    assert times == sorted(set(times))
    assert {frame.planes.size for frame in frames} == {source.info.size}
