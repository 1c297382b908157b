from fractions import Fraction

import pytest

from losszero_rt.video.live_rates import LowLight, MeasuredRate


def fed(rate_fps: float, *, seconds: float) -> MeasuredRate:
    rate = MeasuredRate()
    for index in range(int(rate_fps * seconds) + 1):
        rate.see(index / rate_fps)
    return rate


@pytest.mark.parametrize("rate_fps", [0.2, 0.5, 1, 2, 15, 29.97, 120])
def test_steady_rate_is_found(rate_fps: float) -> None:
    assert fed(rate_fps, seconds=10).at(10.0) == pytest.approx(rate_fps, rel=0.02)


def test_rate_of_a_slow_source_holds_between_its_frames_and_ends_with_them() -> None:
    slow = fed(0.25, seconds=16)
    assert [slow.at(t) for t in (16.1, 18.0, 19.9, 23.0)] == [0.25] * 4
    assert 0 < slow.at(27.0) < 0.25
    assert slow.at(29.0) == 0


def test_rate_is_unknown_at_first_and_after_a_silence() -> None:
    rate = MeasuredRate()
    assert rate.at(0.0) == 0
    for index in range(5):
        rate.see(index / 1000)
    assert rate.at(0.01) == 0
    steady = fed(30, seconds=4)
    assert 0 < steady.at(4.5) < 25
    assert steady.at(7.0) == 0
    steady.see(64.0)
    assert steady.at(64.0) == 0, "the silence was no step of a slow source"
    for index in range(1, 31):
        steady.see(64 + index / 30)
    assert steady.at(65.0) == pytest.approx(30, rel=0.02)


def test_low_light_is_told_after_five_seconds_of_a_low_rate() -> None:
    light = LowLight(Fraction(30))
    assert [light.see(15.0, moment_s=t) for t in (0.0, 2.0, 4.9)] == [None] * 3
    line = light.see(15.0, moment_s=5.0)
    assert line == "camera gives 15 of 30 FPS: long exposure in low light?"


def test_a_network_may_be_the_reason_as_well() -> None:
    light = LowLight(Fraction(30), is_remote=True)
    light.see(12.5, moment_s=0.0)
    line = light.see(12.5, moment_s=6.0)
    assert line is not None
    assert "gives 12.5 of 30 FPS: long exposure in low light, or frames lost on the way?" in line


def test_short_dips_and_unknown_rates_are_no_low_light() -> None:
    light = LowLight(Fraction(30))
    for moment_s, rate_fps in ((0.0, 15.0), (4.0, 29.0), (5.0, 15.0), (9.0, 15.0)):
        assert light.see(rate_fps, moment_s=moment_s) is None
    unknown = LowLight(None)
    assert [unknown.see(1.0, moment_s=t) for t in (0.0, 100.0)] == [None, None]
    starting = LowLight(Fraction(30))
    assert [starting.see(0.0, moment_s=t) for t in (0.0, 100.0)] == [None, None]
