import traceback
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from losszero_rt.errors import ExitCode, UsageError
from losszero_rt.video import LiveOptions, parse_address

OPTIONS = LiveOptions()
# Long and rare enough not to turn up by chance.
secrets = st.text(min_size=4, max_size=16).map(lambda text: f"Zx{text}qY")


@pytest.mark.parametrize(
    ("text", "kind", "target"),
    [
        ("0", "camera", "0"),
        ("/dev/video2", "camera", "/dev/video2"),
        (
            "/dev/v4l/by-id/usb-Cam_1-video-index0",
            "camera",
            "/dev/v4l/by-id/usb-Cam_1-video-index0",
        ),
        ("webcam:HD Pro", "camera", "HD Pro"),
        ("lavfi:testsrc2=size=64x64", "lavfi", "testsrc2=size=64x64"),
        ("screen", "screen", ""),
    ],
)
def test_devices_are_known(text: str, kind: str, target: str) -> None:
    address = parse_address(text, options=OPTIONS)
    assert (address.kind, address.target, address.place) == (kind, target, None)


@pytest.mark.parametrize(
    ("text", "kind", "host", "port", "path"),
    [
        ("rtsp://cam/live?channel=1", "rtsp", "cam", 554, "/live?channel=1"),
        ("RTSPS://cam:8322/", "rtsp", "cam", 8322, "/"),
        ("http://[::1]:8080/a.m3u8", "http", "::1", 8080, "/a.m3u8"),
        ("https://cam.example", "http", "cam.example", 443, ""),
        ("udp://@239.0.0.1:1234", "udp", "239.0.0.1", 1234, ""),
        ("udp://:1234", "udp", "", 1234, ""),
    ],
)
def test_network_addresses_are_taken_apart(
    text: str, kind: str, host: str, port: int, path: str
) -> None:
    address = parse_address(text, options=OPTIONS)
    assert address.kind == kind
    assert address.place is not None
    assert (address.place.host, address.place.port, address.place.path) == (host, port, path)
    assert address.place.user is None


def test_names_hold_no_terminal_escapes() -> None:
    assert parse_address("webcam:\x1b[31mred", options=OPTIONS).name == "webcam:red"


@given(user=secrets, password=secrets)
def test_user_and_password_are_decoded_and_hidden(user: str, password: str) -> None:
    pair = f"{quote(user, safe='')}:{quote(password, safe='')}"
    address = parse_address(f"rtsp://{pair}@cam/live", options=OPTIONS)
    assert address.place is not None
    assert (address.place.user, address.place.password) == (user, password)
    shown = f"{address!r} {address.place!r} {address.name} {address.place.bare_url}"
    assert user not in shown
    assert password not in shown
    assert parse_address(address.place.secret_url, options=OPTIONS).place == address.place


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ride.mp4",
        "/dev/sda",
        "/dev/video0/../sda",
        "file:///etc/passwd",
        "concat:a.ts|b.ts",
        "data:text/plain,x",
        "tcp://cam:80",
        "rtmp://cam/live",
        "srt://cam:9000",
        "crypto+http://cam/a",
        "webcam:",
        "lavfi:",
        "-1",
    ],
)
def test_other_things_are_refused_with_what_is_accepted(text: str) -> None:
    with pytest.raises(UsageError, match="is no live source") as caught:
        parse_address(text, options=OPTIONS)
    assert caught.value.exit_code == ExitCode.USAGE
    assert "rtsp://" in str(caught.value)


@given(
    secret=secrets,
    shape=st.sampled_from(
        [
            "rtsp://{0}",
            "rtsp://rider:{0}@cam/live",
            "http://{0}@cam/live",
            "http://cam:{0}/live",
            "http://rider:{0}@/live",
            "https://{0}:{0}@cam:99999/",
            "udp://{0}",
        ]
    ),
)
def test_no_refusal_quotes_a_secret(secret: str, shape: str) -> None:
    text = shape.format(secret)
    try:
        name = parse_address(text, options=OPTIONS).name
    except UsageError as error:
        shown = "".join(traceback.format_exception(error)).rpartition("UsageError")[2]
        assert secret not in shown
    else:
        if "@" in shape:
            assert secret not in name


@pytest.mark.parametrize("address", ["rtsp://cam/live", "lavfi:testsrc2"])
def test_size_and_rate_are_for_devices(address: str) -> None:
    with pytest.raises(UsageError, match="--width"):
        parse_address(address, options=LiveOptions(width=640, height=360))
    with pytest.raises(UsageError, match="--input-fps"):
        parse_address(address, options=LiveOptions(input_fps=30))
    assert parse_address("0", options=LiveOptions(width=640, height=360, input_fps=30))


@pytest.mark.parametrize(
    "settings",
    [
        {"width": 640},
        {"width": 0, "height": 0},
        {"input_fps": 0},
        {"read_timeout_s": 0},
        {"open_timeout_s": float("nan")},
        {"max_reconnects": -1},
    ],
)
def test_senseless_options_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        LiveOptions(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["admin:sesame@192.168.1.10/stream1", "192.168.1.10/user=admin_password=sesame"]
)
def test_an_address_without_its_scheme_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_address(text, options=LiveOptions())
    assert "sesame" not in str(caught.value)
