from pathlib import Path

import av
import pytest

from losszero_rt.errors import OutputError, UsageError
from losszero_rt.frame import Frame
from losszero_rt.video import (
    EncodeOptions,
    VideoSink,
    VideoSource,
    codec_facts,
    encoders,
    part_of,
)
from losszero_rt.video.encoders import add_video, candidates, cannot_open
from tests.media import copy_clip, put, write_clip


def test_default_encoder_follows_container_and_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    options = EncodeOptions()
    monkeypatch.setattr(encoders, "_NVIDIA_DEVICES", ("/absent",))
    assert candidates(options, container="mp4") == ("libx264",)
    assert candidates(options, container="webm") == ("libvpx-vp9",)
    monkeypatch.setattr(encoders, "_NVIDIA_DEVICES", ("/dev/null",))
    assert candidates(options, container="mp4") == ("h264_nvenc", "libx264")
    assert candidates(options, container="webm") == ("libvpx-vp9",)


def test_encoder_that_does_not_open_is_replaced_and_said(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if codec_facts()["encoders"]["h264_nvenc"] == "opens":
        pytest.skip("this machine has NVENC")
    monkeypatch.setattr(encoders, "_NVIDIA_DEVICES", ("/dev/null",))
    source = VideoSource(clip)
    report = copy_clip(source, tmp_path / "out.mp4")
    source.close()
    assert report.codec == "libx264"
    assert report.notes == ("h264_nvenc does not open here; encoding with libx264",)
    assert report.frames == 30


def test_named_encoder_is_not_replaced(clip: Path, tmp_path: Path) -> None:
    if codec_facts()["encoders"]["h264_nvenc"] == "opens":
        pytest.skip("this machine has NVENC")
    source, out = VideoSource(clip), tmp_path / "out.mp4"
    with pytest.raises(OutputError, match="h264_nvenc does not open"):
        copy_clip(source, out, options=EncodeOptions(codec="h264_nvenc"))
    source.close()
    assert not part_of(out).exists()


@pytest.mark.parametrize(("codec", "container"), [("libvpx-vp9", "mp4"), ("libx264", "webm")])
def test_encoder_that_does_not_go_into_the_container_is_refused(codec: str, container: str) -> None:
    with pytest.raises(UsageError, match="does not go into"):
        candidates(EncodeOptions(codec=codec), container=container)  # type: ignore[arg-type]


def test_vp9_goes_into_matroska(clip: Path, tmp_path: Path) -> None:
    source = VideoSource(clip)
    report = copy_clip(source, tmp_path / "o.mkv", options=EncodeOptions(codec="libvpx-vp9"))
    source.close()
    assert report.codec == "libvpx-vp9"


@pytest.mark.parametrize(
    "wrong",
    [
        {"codec": "libx265"},
        {"preset": "placebo"},
        {"crf": 64},
        {"crf": -1},
        {"gop": 0},
        {"threads": -1},
    ],
)
def test_settings_out_of_range_are_usage_errors(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        EncodeOptions(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("preset", ["ultrafast", "veryfast", "slow"])
def test_every_preset_is_without_delay(clip: Path, tmp_path: Path, preset: str) -> None:
    handed: list[int] = []

    source = VideoSource(clip)
    options = EncodeOptions(preset=preset)  # type: ignore[arg-type]
    sink = VideoSink(tmp_path / "out.mp4", info=source.info, options=options)
    sink.on_muxed = lambda pts, _: handed.append(pts)
    for item in source:
        if isinstance(item, Frame):
            put(sink, item)
            assert handed[-1] == item.pts
    sink.close()
    source.close()


def test_facts_name_what_opens() -> None:
    facts = codec_facts()
    assert facts["encoders"]["libx264"] == "opens"
    assert "h264" in facts["decoders"]
    assert facts["PyAV"]


@pytest.mark.parametrize(
    ("codec", "container"), [("auto", "mp4"), ("auto", "matroska"), ("libx264", "mov")]
)
def test_quality_that_h264_does_not_have_is_refused(codec: str, container: str) -> None:
    with pytest.raises(UsageError, match=r"crf 52 for H\.264\. 0 \(lossless\) to 51\. .*webm"):
        candidates(EncodeOptions(codec=codec, crf=52), container=container)  # type: ignore[arg-type]
    assert candidates(EncodeOptions(crf=51), container=container)


@pytest.mark.parametrize(("codec", "container"), [("auto", "webm"), ("libvpx-vp9", "matroska")])
def test_quality_of_vp9_goes_further(codec: str, container: str) -> None:
    options = EncodeOptions(codec=codec, crf=63)  # type: ignore[arg-type]
    assert candidates(options, container=container) == ("libvpx-vp9",)


def test_remedy_is_one_that_was_not_tried() -> None:
    assert "--codec auto" in str(
        cannot_open("h264_nvenc", options=EncodeOptions(codec="h264_nvenc"))
    )
    remedy = str(cannot_open("libx264", options=EncodeOptions()))
    assert "--codec auto" not in remedy
    assert "losszero-rt doctor" in remedy


@pytest.mark.parametrize(
    ("crf", "expected"),
    [
        (0, {"tune": "lossless"}),
        (1, {"rc": "vbr", "cq": "1"}),
        (23, {"rc": "vbr", "cq": "23"}),
        (51, {"rc": "vbr", "cq": "51"}),
    ],
)
def test_nvenc_is_told_a_quality_that_it_understands(
    tmp_path: Path, crf: int, expected: dict[str, str]
) -> None:
    # It reads a cq of 0 as the freedom to choose one.
    source = VideoSource(write_clip(tmp_path / "clip.mp4", num_frames=2))
    with av.open(str(tmp_path / "out.mp4"), "w") as container:
        stream = add_video(
            container,
            codec="h264_nvenc",
            info=source.info,
            size=source.info.size,
            options=EncodeOptions(codec="h264_nvenc", crf=crf, preset="medium"),
        )
        found = stream.codec_context.options
    source.close()
    assert {name: found[name] for name in found if name in ("rc", "cq", "tune")} == expected
    assert (found["preset"], found["bf"], found["delay"]) == ("p6", "0", "0")
