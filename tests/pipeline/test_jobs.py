from pathlib import Path

import pytest

from losszero_rt.errors import OutputError
from losszero_rt.pipeline.config import RunConfig
from losszero_rt.pipeline.jobs import plan_jobs


@pytest.fixture
def sources(tmp_path: Path) -> list[str]:
    names = ("a.mp4", "b.avi", "c.png", "d.bmp")
    for name in names:
        (tmp_path / name).write_bytes(b"content")
    return [str(tmp_path / name) for name in names]


def test_outputs_in_a_folder_keep_their_container_where_it_can_be_written(
    sources: list[str], tmp_path: Path
) -> None:
    jobs = plan_jobs(sources, config=RunConfig(out=tmp_path / "out"))
    outputs = [job.output.name for job in jobs if job.output]
    assert outputs == ["a.mp4", "b.mp4", "c.png", "d.png"]
    assert [job.is_still for job in jobs] == [False, False, True, True]
    assert [job.folder for job in jobs] == ["a", "b", "", ""]
    assert [job.still_stem for job in jobs] == [None, None, "c", "d"]


def test_one_source_has_its_masks_in_the_folder_itself(sources: list[str], tmp_path: Path) -> None:
    (job,) = plan_jobs(sources[:1], config=RunConfig(masks=tmp_path / "m"))
    assert (job.folder, job.output) == ("", None)


def test_resume_leaves_finished_outputs_alone(sources: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.mp4").write_bytes(b"finished")
    with pytest.raises(OutputError, match="--force"):
        plan_jobs(sources, config=RunConfig(out=out))
    jobs = plan_jobs(sources, config=RunConfig(out=out, resume=True))
    assert [job.source.name for job in jobs] == ["b.avi", "c.png", "d.bmp"]
