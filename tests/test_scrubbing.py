import string
from pathlib import PurePosixPath
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from losszero_rt.errors import InputError
from losszero_rt.scrubbing import scrubbed

SIGNS = string.ascii_letters + string.digits + "!$%&'()*+,;=:@/?#[]{}|\\^`~-._äß"
# Too long to turn up anywhere by chance.
secrets = st.text(SIGNS, min_size=6, max_size=24).map(lambda text: f"Zx{text}qY")
hosts = st.sampled_from(["cam.local", "10.0.0.7:554", "[::1]:8554", "a-b.example:80"])
schemes = st.sampled_from(["rtsp", "RTSPS", "http", "https", "udp", "rtmp", "x-cam+tls"])
names = st.sampled_from(
    ["token", "access_token", "apiKey", "password", "pwd", "auth", "X-Amz-Signature", "sig", "usr"]
)


@given(scheme=schemes, user=secrets, password=secrets, host=hosts)
def test_user_and_password_never_survive(scheme: str, user: str, password: str, host: str) -> None:
    text = scrubbed(f"cannot open '{scheme}://{user}:{password}@{host}/live': refused")
    assert user not in text
    assert password not in text
    assert text == f"cannot open '{scheme}://***@{host}/live': refused"


@given(
    scheme=st.sampled_from(["rtsp", "rtsps", "http", "HTTPS", "udp", "rtmp"]),
    user=secrets.filter(lambda text: "/" not in text),
    password=secrets.filter(lambda text: "/" not in text),
)
def test_user_and_password_never_survive_in_what_was_taken_for_a_path(
    scheme: str, user: str, password: str
) -> None:
    path = PurePosixPath(f"{scheme}://{user}:{password}@cam/live.mp4")
    assert scrubbed(f"{path}: no such file") == f"{scheme}:/***@cam/live.mp4: no such file"


def test_paths_and_times_are_no_addresses() -> None:
    for text in ("C:/rides/a@b.mp4", "at 12:30:/x@y", "ride:/a@b"):
        assert scrubbed(text) == text


@given(user=secrets, password=secrets)
def test_encoded_userinfo_never_survives(user: str, password: str) -> None:
    pair = f"{quote(user, safe='')}:{quote(password, safe='')}"
    plain = f"rtsp://{pair}@cam/live"
    once = quote(plain, safe="")
    twice = quote(once, safe="")
    text = scrubbed(f"{plain} http://proxy/?src={once} {twice}")
    for form in (user, quote(user, safe=""), quote(quote(user, safe=""), safe="")):
        assert form not in text
    for form in (password, quote(password, safe=""), quote(quote(password, safe=""), safe="")):
        assert form not in text


@given(name=names, secret=secrets.filter(lambda s: "&" not in s), host=hosts)
def test_telling_query_values_never_survive(name: str, secret: str, host: str) -> None:
    text = scrubbed(f"GET http://{host}/live.m3u8?quality=high&{name}={secret}&codec=h264 failed")
    assert secret not in text
    if "@" not in secret:
        assert text == f"GET http://{host}/live.m3u8?quality=high&{name}=***&codec=h264 failed"


@given(st.lists(st.tuples(secrets, secrets), min_size=2, max_size=4), st.sampled_from(" ,;|\n"))
def test_several_addresses_in_one_text(pairs: list[tuple[str, str]], between: str) -> None:
    text = scrubbed(between.join(f"rtsp://{user}:{word}@cam/live" for user, word in pairs))
    assert not any(user in text or word in text for user, word in pairs)


@given(st.text())
def test_scrubbing_again_changes_nothing(text: str) -> None:
    assert scrubbed(scrubbed(text)) == scrubbed(text)


@pytest.mark.parametrize(
    "text",
    [
        "no address at all",
        "rtsp://cam.local:554/live?channel=1&subtype=0",
        "udp://@239.0.0.1:1234",
        "mail rider@example.org",
        "C:/rides/night.mp4",
        "lavfi:testsrc2=size=320x240:rate=30",
    ],
)
def test_what_holds_no_secret_stays(text: str) -> None:
    assert scrubbed(text) == text


@given(user=secrets, password=secrets, host=hosts)
def test_errors_are_scrubbed_where_they_are_made(user: str, password: str, host: str) -> None:
    url = f"http://{user}:{password}@{host}/?token={quote(password, safe='')}"
    text = str(InputError(url, accepted=f"not {url}", remedy=f"try {url}"))
    assert user not in text
    assert password not in text


@pytest.mark.parametrize("piece", ["rtsp://", "?a", "@", "%25", "%26", ":/", "?token=", "a"])
def test_long_texts_take_no_long_time(piece: str) -> None:
    # Quadratic work on this much text would exceed the test's time-out.
    assert scrubbed(piece * 200_000)


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://192.168.1.10:554/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp?real_stream",
        "rtsp://camera/live?u=admin&p=tlJwpbo6",
        "rtsp://camera/live?psw=tlJwpbo6&channel=1",
    ],
)
def test_words_that_cameras_use_for_secrets_are_known(address: str) -> None:
    assert "tlJwpbo6" not in scrubbed(address)
    assert "tlJwpbo6" not in scrubbed(f"cannot open {address}: refused")


@given(name=st.from_regex(r"[a-z]{1,8}", fullmatch=True), secret=secrets)
def test_unknown_query_values_never_survive(name: str, secret: str) -> None:
    plain = secret.translate(str.maketrans("", "", "&;#?@/="))
    text = scrubbed(f"opening http://cam/live?channel=2&{name}x={plain}&subtype=1")
    assert plain not in text
    assert text == f"opening http://cam/live?channel=2&{name}x=***&subtype=1"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://cam/a?s3cret", "http://cam/a?***"),
        ("http://cam/a?auth:s3cret&fps=5", "http://cam/a?***&fps=5"),
        ("http://cam/a.m3u8?hdnts=exp=1~hmac=ab", "http://cam/a.m3u8?hdnts=***"),
        ("http://cam/a%3Fx%3Ds3cret%26fps%3D5", "http://cam/a%3Fx%3D***%26fps%3D5"),
        ("rtsp://me:a?b@cam/a?x=1", "rtsp://***@cam/a?x=***"),
        ("http://cam/a?mail=x@y&z=s3cret", "http://***@y&z=***"),
        ("udp://:5000?fifo_size=1000&overrun_nonfatal=1", None),
        ("lavfi:testsrc2=size=640x360:rate=30", None),
        ("what?now=1", None),
    ],
)
def test_of_a_query_only_harmless_values_are_shown(address: str, shown: str | None) -> None:
    assert scrubbed(address) == (shown or address)
