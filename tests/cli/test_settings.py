import subprocess
import sys
import time
from pathlib import Path

import pytest

from losszero_rt.cli.main import program
from losszero_rt.cli.settings import check_environment, settings_of
from losszero_rt.errors import UsageError


def show_config(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "losszero_rt", "x.mp4", *arguments, "--show-config"]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin", **environment},
        check=False,
    )


def test_command_line_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    settings = tmp_path / "ride.toml"
    settings.write_text("alpha = 0.1\ncrf = 30\nstride = 4\nclasses = ['road', 'rider']\n")
    result = show_config(
        "--config", str(settings), "--alpha", "0.9", LOSSZERO_ALPHA="0.5", LOSSZERO_CRF="18"
    )
    lines = result.stdout.splitlines()
    assert "alpha = 0.9  # command line" in lines
    assert "crf = 18  # environment" in lines
    assert "stride = 4  # TOML file" in lines
    assert 'classes = ["road", "rider"]  # TOML file' in lines
    assert 'view = "overlay"  # default' in lines


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alhpa = 0.1", "did you mean alpha"),
        ("alpha = ", "cannot read"),
        ("show_config = true", "unknown setting 'show_config'"),
    ],
)
def test_faulty_file_is_refused_with_exit_2(tmp_path: Path, text: str, message: str) -> None:
    settings = tmp_path / "ride.toml"
    settings.write_text(text)
    result = show_config("--config", str(settings))
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_missing_file_is_refused(tmp_path: Path) -> None:
    result = show_config("--config", str(tmp_path / "none.toml"))
    assert result.returncode == 2
    assert "none.toml" in result.stderr


def test_names_are_those_of_the_flags(tmp_path: Path) -> None:
    settings = tmp_path / "ride.toml"
    settings.write_text("duration = 2.5\n")
    lines = show_config("--config", str(settings), LOSSZERO_START="1").stdout.splitlines()
    assert "start = 1.0  # environment" in lines
    assert "duration = 2.5  # TOML file" in lines
    result = show_config(LOSSZERO_START_S="1")
    assert result.returncode == 2
    assert "did you mean LOSSZERO_START" in result.stderr


def test_printed_settings_can_be_read_back(tmp_path: Path) -> None:
    printed = show_config("--alpha", "0.7", "--masks", "a b", "--no-hud").stdout
    settings = tmp_path / "ride.toml"
    settings.write_text(printed)
    again = show_config("--config", str(settings)).stdout
    assert {line.split("  #")[0] for line in printed.splitlines()} == {
        line.split("  #")[0] for line in again.splitlines()
    }


def test_settings_are_shown_without_a_source() -> None:
    command = [sys.executable, "-m", "losszero_rt", "run", "--show-config"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert 'model = "night-ride"  # default' in result.stdout


def test_unknown_variable_is_refused_with_the_nearest_name() -> None:
    result = show_config(LOSSZERO_ALHPA="1")
    assert result.returncode == 2
    assert "did you mean LOSSZERO_ALPHA" in result.stderr


def test_variables_of_other_commands_and_of_tests_are_let_through() -> None:
    known = {name for command in program.commands.values() for name in settings_of(command)}
    check_environment({"LOSSZERO_DATA": "x", "LOSSZERO_SECONDS": "2", "HOME": "/"}, known=known)
    with pytest.raises(UsageError):
        check_environment({"LOSSZERO_HOME": "/"}, known=known)


def test_help_is_instant_and_needs_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from losszero_rt.cli import main\n"
        "try:\n"
        "    main(['run', '--help'])\n"
        "except SystemExit:\n"
        "    pass\n"
        "heavy = {'numpy', 'cv2', 'av', 'openvino', 'torch'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    durations = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        durations.append(time.perf_counter() - start)
    assert min(durations) < 0.6, "0.3 s on a quiet machine; twice that on a busy one"


def test_every_option_of_run_says_what_it_does() -> None:
    run = program.commands["run"]
    silent = [
        p.name for p in run.params if p.param_type_name == "option" and not getattr(p, "help", "")
    ]
    assert silent == []


def test_what_is_shown_can_be_taken_as_settings(tmp_path: Path) -> None:
    settings = tmp_path / "ride.toml"
    shown = show_config().stdout
    assert 'batch = "auto"  # default' in shown.splitlines(), "in the words of --help"
    settings.write_text(shown)
    again = show_config("--config", str(settings))
    assert again.returncode == 0, again.stderr
    assert 'batch = "auto"  # TOML file' in again.stdout.splitlines()
