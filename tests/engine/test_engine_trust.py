from pathlib import Path

import pytest

from losszero_rt.caches import VARIABLE
from losszero_rt.engine.engine_trust import is_recorded, record_trust, settle_trust
from losszero_rt.errors import ModelError, OutputError

OURS, STRANGE = "a" * 64, "b" * 64


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_was_recorded_is_trusted_and_nothing_else() -> None:
    record_trust(OURS, facts={"gpu": "Test GPU"})
    assert is_recorded(OURS)
    assert not is_recorded(STRANGE)
    assert settle_trust(OURS, name="b1", trust_engine=False) == "record"


def test_a_stranger_needs_the_users_word() -> None:
    with pytest.raises(ModelError, match=r"b1 is code.*sha256 bbbbbbbbbbbbbbbb.*--trust-engine"):
        settle_trust(STRANGE, name="b1", trust_engine=False)
    assert settle_trust(STRANGE, name="b1", trust_engine=True) == "--trust-engine"
    assert not is_recorded(STRANGE), "the word holds for one run"


def test_records_that_others_could_write_are_refused(own_cache: Path) -> None:
    record_trust(OURS, facts={})
    (own_cache / "trusted-engines").chmod(0o777)
    with pytest.raises(OutputError, match="mode 777"):
        settle_trust(OURS, name="b1", trust_engine=True)


def test_a_link_is_no_record(own_cache: Path, tmp_path: Path) -> None:
    record_trust(OURS, facts={})
    (tmp_path / "file").write_text("{}")
    (own_cache / "trusted-engines" / f"{STRANGE}.json").symlink_to(tmp_path / "file")
    assert not is_recorded(STRANGE)
