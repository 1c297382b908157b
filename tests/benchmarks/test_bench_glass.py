"""What the benchmark of glass to glass makes of what it saw."""

from benchmarks.bench_glass import claim_of, part_claims


def test_parts_are_medians_over_the_rounds() -> None:
    names = ("camera_to_captured", "captured_to_handed_on", "jpeg", "captured_to_seen")
    rounds = [{"parts_p50_ms": dict.fromkeys(names, value)} for value in (1.0, 9.0, 2.04)]
    claims = part_claims(rounds)
    assert [claim.value for claim in claims] == [2.0] * 4
    assert all(claim.holds is None for claim in claims), "only the whole has a limit"
    assert "JPEG" in claims[2].what


def test_without_a_picture_there_is_no_delay() -> None:
    assert claim_of(None).holds is None
    assert claim_of(149.96).holds
    assert not claim_of(151.0).holds
