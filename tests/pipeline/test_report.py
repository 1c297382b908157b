"""What the report and the line of figures say of the model: the score of what really runs."""

import json
from dataclasses import replace
from importlib.resources import files

import jsonschema
import pytest

from losszero_rt.bundle import Bundle, find_bundle
from losszero_rt.cli.printing import report_text
from losszero_rt.engine import EngineInfo
from losszero_rt.errors import ExitCode
from losszero_rt.pipeline.report import Meter, build_report, hud_suffix, model_facts
from tests.pipeline.doubles import EchoEngine

INT8 = replace(EchoEngine().info, name="openvino", precision="int8+bf16")
EAGER = replace(INT8, name="eager", precision="fp32")
HALF = replace(INT8, precision="fp16")


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    """The model that ships: its record holds a score with its interval by precision."""
    return find_bundle("night-ride")


def test_the_line_holds_score_engine_and_number(shipped: Bundle) -> None:
    assert hud_suffix(INT8, shipped) == "mIoU 0.797  openvino int8+bf16  n=6 [0.71, 0.83]"
    assert hud_suffix(EAGER, shipped) == "mIoU 0.797  eager fp32  n=6 [0.71, 0.83]"
    assert hud_suffix(HALF, shipped) == (
        "mIoU 0.797 of fp32 weights  openvino fp16  n=6 [0.71, 0.83]"
    )


def test_the_line_begins_with_what_is_unverified(shipped: Bundle) -> None:
    bare = replace(shipped, parity={}, scores={})
    assert hud_suffix(INT8, bare) == "UNVERIFIED  no score  openvino int8+bf16"


def test_facts_hold_the_score_of_what_runs_beside_that_of_the_weights(shipped: Bundle) -> None:
    facts = model_facts(shipped, INT8)
    assert facts["score_of"] == "openvino int8"
    assert facts["miou"] < facts["weights_miou"] == shipped.scores["miou"]
    assert facts["miou_ci95"] != facts["weights_miou_ci95"]
    assert facts["weights_miou_ci95"] == shipped.scores["miou_ci95"]


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        (INT8, "on night_ride/val, n=6, of openvino int8 (fp32 weights 0.797 [0.708, 0.833]"),
        (EAGER, "mIoU 0.797 [0.708, 0.833] on night_ride/val, n=6, of eager fp32"),
        (HALF, "n=6, of fp32 weights: what ran was not scored itself"),
    ],
)
def test_report_fits_its_schema_and_summary_says_of_what(
    shipped: Bundle, engine: EngineInfo, words: str
) -> None:
    report = build_report(
        meter=Meter(),
        engine=engine,
        model=shipped,
        cam=None,
        sources=[],
        measured=None,
        detections=None,
        elapsed_s=1.0,
        exit_code=ExitCode.OK,
    )
    schema = json.loads((files("losszero_rt") / "schema" / "report.schema.json").read_text())
    jsonschema.validate(report, schema)
    assert words in report_text(report)
