"""What records say of the data behind weights."""

from losszero_rt.data_record import (
    DIGESTS_MAX,
    SEEN_KEY,
    digests_of,
    encoder_in,
    encoder_record,
    seen_in,
    seen_record,
)


def test_names_that_were_seen_are_found_again() -> None:
    record = seen_record(digests_of(["a.png", "b.png"]))
    assert "a.png" not in record[SEEN_KEY]
    assert seen_in(record) == digests_of(["b.png", "a.png"])
    assert seen_in({}) is None
    assert seen_in({SEEN_KEY: 7}) is None
    assert seen_in({SEEN_KEY: ""}) == frozenset()


def test_more_pictures_than_a_record_may_hold_are_unknown() -> None:
    assert seen_record({str(number) for number in range(DIGESTS_MAX + 1)}) == {}
    assert seen_record(None) == {}
    assert seen_record(()) == {SEEN_KEY: ""}


def test_an_origin_is_known_where_all_agree() -> None:
    assert encoder_in(encoder_record(["none", "none"])) == "none"
    for began in (["none", "imagenet"], ["none", ""], [""], []):
        assert encoder_record(began) == {}
    assert encoder_in({"encoder_weights": None}) == ""
