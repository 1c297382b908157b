from pathlib import Path

import pytest

from losszero_rt.errors import InputError, UsageError
from losszero_rt.video import MEDIA_SUFFIXES, expand_sources


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("ride10.mp4", "ride2.mp4", "Ride1.MOV", "still.jpg", "notes.txt", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "deep.mp4").touch()
    return tmp_path


def names(spec: str) -> list[str]:
    return [path.name for path in expand_sources(spec)]


def test_directory_gives_its_media_as_people_count(folder: Path) -> None:
    assert names(str(folder)) == ["Ride1.MOV", "ride2.mp4", "ride10.mp4", "still.jpg"]


def test_pattern_gives_matching_media(folder: Path) -> None:
    assert names(f"{folder}/ride*.mp4") == ["ride2.mp4", "ride10.mp4"]
    assert names(f"{folder}/**/deep*") == ["deep.mp4"]


def test_file_is_taken_as_it_is(folder: Path) -> None:
    assert expand_sources(str(folder / "notes.txt")) == [folder / "notes.txt"]


@pytest.mark.parametrize("name", ["a[1].mp4", "what?.mp4", "@list.txt", "http:x.mp4", "-x.mp4"])
def test_existing_file_is_taken_literally(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert expand_sources(name) == [Path(name)]


def test_list_gives_its_lines(folder: Path) -> None:
    (folder / "list.txt").write_text(f"# rides\nride2.mp4\n\n  {folder}/still.jpg \nabsent.mp4\n")
    expected = [folder / "ride2.mp4", folder / "still.jpg", folder / "absent.mp4"]
    assert expand_sources(f"@{folder}/list.txt") == expected


def test_directory_without_media_lists_what_is_accepted(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        expand_sources(str(tmp_path))
    assert all(suffix in str(caught.value) for suffix in MEDIA_SUFFIXES)


@pytest.mark.parametrize("spec", ["absent.mp4", "no*match", "@absent.txt", "", "a\0b", "x" * 5000])
def test_nothing_there_is_an_input_error(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError):
        expand_sources(spec)


def test_empty_or_binary_list_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# nothing\n")
    with pytest.raises(InputError, match="names no file"):
        expand_sources(f"@{path}")
    path.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InputError, match="UTF-8"):
        expand_sources(f"@{path}")


@pytest.mark.parametrize(
    "spec",
    [
        "http://example.org/a.mp4",
        "https://user:secret@example.org/a.mp4",
        "rtsp://admin:SECRET@camera/1",
        "concat:a.mp4|b.mp4",
        "data:video/mp4;base64,AAAA",
        "pipe:0",
        "subfile,,start,0,end,9,,:a.mp4",
        "file:///etc/passwd",
        "lavfi:testsrc",
    ],
)
def test_addresses_are_refused_and_keep_their_secrets(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((UsageError, InputError)) as caught:
        expand_sources(spec)
    assert "secret" not in str(caught.value).lower()


def test_addresses_in_a_list_are_refused(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("http://example.org/a.mp4\n")
    with pytest.raises(UsageError, match="is an address"):
        expand_sources(f"@{tmp_path}/list.txt")
