"""Cores: within the affinity of the process and the quota of its container, for every thread."""

from pathlib import Path

import av
import pytest

from losszero_rt.cores import num_cores, num_physical_cores
from losszero_rt.video import decoding
from tests.media import write_clip


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("100000 100000", 1), ("50000 100000", 1), ("max 100000", None), ("", None)],
)
def test_cores_respect_the_quota_of_a_container(
    tmp_path: Path, limit: str, expected: int | None
) -> None:
    path = tmp_path / "cpu.max"
    path.write_text(limit)
    assert num_cores(cgroup_limit=path) == (expected or num_cores(cgroup_limit=tmp_path / "none"))


@pytest.mark.parametrize(
    ("siblings", "expected"), [(("0-1", "0-1", "2-3", "2-3"), 2), (("0", "1", "2", "3"), 4)]
)
def test_threads_of_one_core_count_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, siblings: tuple[str, ...], expected: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(len(siblings))))
    monkeypatch.setattr("losszero_rt.cores.num_cores", lambda: len(siblings))
    for number, text in enumerate(siblings):
        place = tmp_path / f"cpu{number}" / "topology"
        place.mkdir(parents=True)
        (place / "thread_siblings_list").write_text(f"{text}\n")
    assert num_physical_cores(cpus=tmp_path) == expected
    assert num_physical_cores(cpus=tmp_path / "none") == len(siblings)


@pytest.mark.parametrize(("num", "threads"), [(1, 1), (2, 3), (64, 16)])
def test_decoder_has_a_thread_more_than_cores_it_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num: int, threads: int
) -> None:
    monkeypatch.setattr(decoding, "num_cores", lambda: num)
    clip = write_clip(tmp_path / "c.mp4", num_frames=2)
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        decoder = decoding.PictureDecoder(stream, threads=0, max_pixels=10**6, ordered=True)
        assert stream.codec_context.thread_count == threads
        decoder.close()
        decoder = decoding.PictureDecoder(stream, threads=2, max_pixels=10**6, ordered=True)
        assert stream.codec_context.thread_count == 2
        decoder.close()
