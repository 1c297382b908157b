"""A card says what its bundle says, of whatever model, and nothing else."""

import re
from dataclasses import replace

from export.card import plain, write_card
from losszero_rt.bundle import Bundle
from losszero_rt.classmap import ClassMap
from losszero_rt.data_record import digests_of, seen_record
from losszero_rt.network import NetworkSpec

SPACE = ClassMap(names=("ground", "free <space>"), colours=((0, 0, 0), (250, 250, 0)))
OBJECTS = NetworkSpec(
    architecture="mask-rcnn", encoder="resnet18", num_classes=2, decoder_channels=16
)


def test_a_card_of_another_job_speaks_of_no_ride(bundle: Bundle) -> None:
    data = {"train": {"parking": 24}}
    other = replace(bundle, classmap=SPACE, data=data)
    card = write_card(other, parity={}) + write_card(replace(other, scores={}), parity={})
    assert "2 classes: ground, free \\<space\\>." in card
    assert "- parking: 24 pictures\n" in card
    assert "Not measured." in card
    assert "It was not scored when it was exported" in card
    card = card.replace("on pairs,", "")
    for word in ("night", "ride", "motorcycle", "lane", "efficientnet"):
        assert word not in card.replace(bundle.attribution, "").lower()


def test_networks_of_objects_say_how_their_labels_come(bundle: Bundle) -> None:
    assert "bilinear logits, argmax" in write_card(bundle, parity={})
    card = write_card(replace(bundle, network_spec=OBJECTS), parity={})
    assert "labels 64x96: the objects that it finds, painted into logits, argmax" in card


def test_what_was_scored_is_told_with_its_limits(bundle: Bundle) -> None:
    card = write_card(bundle, parity={})
    assert "Scored on n = 4:" in card
    assert "does not say whether it was trained on some of these." in card
    assert "Its weakest class is bright (IoU " in card
    known = replace(bundle, data={**bundle.data, **seen_record(digests_of(["7.png"]))})
    assert "does not say" not in write_card(known, parity={}).partition("## Limits")[2]
    scores = {**bundle.scores, "unproved": ["bright"]}
    card = write_card(replace(bundle, scores=scores), parity={})
    assert "Nothing is proved of bright: hardly a pixel of it was scored." in card
    assert "Its weakest class is dark (IoU " in card


def test_texts_of_strangers_are_shown_and_not_obeyed(bundle: Bundle) -> None:
    nasty = "a|b\n# c [d](http://e) <img src=x>`f`\x1b[31m"
    assert plain(nasty) == r"a\|b # c \[d\](http&#58;//e) \<img src=x\>\`f\`"
    assert plain("me@x.org at www.x.org, 3:1") == "me&#64;x.org at www&#46;x.org, 3:1"
    card = write_card(
        replace(bundle, name=nasty, licence=nasty, attribution=nasty, data={"train": {nasty: 3}}),
        parity={},
    )
    assert "\n# c" not in card
    assert not re.search(r"(?<!\\)(\[|<|`f)", card)


def test_data_of_another_form_is_not_recorded_data(bundle: Bundle) -> None:
    for data in ({"train": ["night_ride"]}, {"train": {"night_ride": "many"}}, {"train": 3}, {}):
        assert "## Data\n\nNot recorded.\n" in write_card(replace(bundle, data=data), parity={})
