"""The command line: help, exit codes, and an error is one line without the key."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from analytics_posthog._cli import main
from analytics_posthog.errors import DeliveryError
from analytics_posthog.version import VERSION
from tests.support.child_process import environment, run_python

KEY = "phc_" + "Ab3" * 14
MODULE = ("-m", "analytics_posthog")
MESSAGE = '{"type":"track","event":"Bought","userId":"u1","messageId":"m1","timestamp":"2026-01-02T03:04:05Z"}\n'


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POSTHOG_PROJECT_API_KEY", "POSTHOG_HOST"):
        monkeypatch.delenv(name, raising=False)


def shell(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    bash = ["bash", "-o", "pipefail", "-c", command]
    return subprocess.run(
        bash,
        env=environment(PYTHON=sys.executable, **variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_installed_command_and_python_m_are_the_same() -> None:
    command = Path(sys.executable).parent / "analytics-posthog"
    installed = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60, check=False)
    by_module = run_python(*MODULE, "--version")
    assert (installed.returncode, installed.stdout, installed.stderr) == (0, f"analytics-posthog {VERSION}\n", "")
    assert (by_module.returncode, by_module.stdout, by_module.stderr) == (0, f"analytics-posthog {VERSION}\n", "")


def test_the_help_names_every_command_and_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert re.findall(r"^    (\w+) +\w", shown, re.M) == ["check", "migrate", "convert", "replay", "outbox", "inspect"]
    assert re.findall(r"^  (\d+) ", shown, re.M) == ["0", "1", "2", "130"]
    assert ("143" in shown, "141" in shown) == (True, True)


@pytest.mark.parametrize("command", ["check", "convert", "replay"])
def test_the_help_of_each_command_has_examples_and_exit_codes(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"examples:\n  analytics-posthog {command}" in shown
    assert "exit codes:" in shown


@pytest.mark.parametrize(
    "command", [[], ["check"], ["migrate"], ["convert"], ["replay"], ["outbox"], ["inspect"]], ids=str
)
def test_every_help_fits_100_columns(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--help"]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if len(line) > 100] == []


@pytest.mark.parametrize("command", [[], ["check"], ["convert"]], ids=str)
def test_every_option_in_the_examples_of_a_help_exists(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([*command, "--help"])
    options, _, epilog = capsys.readouterr().out.partition("examples:")
    named = set(re.findall(r"--[a-z-]+", epilog)) if command else set()
    assert named <= set(re.findall(r"--[a-z-]+", options))


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "--key", KEY],
        ["check", f"--key={KEY}"],
        ["--key", KEY, "check"],
        ["check", "--write-key", "SegmentsOwnKey0123456789"],
        ["check", "--write_key=SegmentsOwnKey0123456789"],
        ["check", "--api-key", "x" * 30],
        ["check", "--project-api-key=" + "x" * 30],
        ["check", "-k", KEY],
        ["check", "--token", KEY],
        ["check", "--posthog-key", KEY],
        ["check", KEY],
        ["check", "phx_" + "a" * 40],
        ["check", "--key-file", KEY],
        ["check", f"--key-file={KEY}"],
        ["check", "--host", KEY],
        ["convert", KEY],
        [KEY],
    ],
    ids=lambda arguments: " ".join(arguments)[:30],
)
def test_a_key_as_an_argument_is_refused_and_not_repeated(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "analytics-posthog: error: the key is never an argument, because others on this machine can see arguments. "
        "Put it into the environment as POSTHOG_PROJECT_API_KEY, or into a file that --key-file names\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [[], ["frobnicate"], ["check", "--frobnicate"], ["check", "--key-f", "x"], ["check", "--timeout", "soon"]],
)
def test_a_wrong_argument_is_one_line_that_names_the_help(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.fullmatch(
        r"analytics-posthog( check)?: error: .*\. See analytics-posthog( check)? --help\n", captured.err
    ), captured.err


SETTINGS = {
    "a file that isn't there": (
        ["check", "--key-file", "nowhere"],
        "the file named by --key-file can't be read: No such file or directory",
    ),
    "an impossible path": (["check", "--key-file", "a\0b"], "the file named by --key-file can't be read: ValueError"),
    "an empty file": (
        ["check", "--key-file", os.devnull],
        "no key: the file named by --key-file is empty. Take the project API key",
    ),
    "no key at all": (["check"], "no key: $POSTHOG_PROJECT_API_KEY is not set. Take the project API key"),
}


@pytest.mark.parametrize(("arguments", "reason"), SETTINGS.values(), ids=SETTINGS)
def test_a_missing_key_is_a_failure_that_says_how_to_give_one(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--host", "https://api.segment.io"]) == 2
    assert capsys.readouterr().out.startswith(f"FAILED  key      {reason}")


def test_the_key_of_a_file_may_have_a_bom_and_a_line_end_but_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "key"
    host = ["--host", "https://api.segment.io"]
    file.write_bytes(b"\xef\xbb\xbf" + KEY.encode() + b"\r\n")
    assert main(["check", "--key-file", str(file), *host]) == 2
    assert capsys.readouterr().out.startswith("ok      key      the file named by --key-file is well formed\n")
    file.write_text(f"POSTHOG_KEY = {KEY}\n")
    assert main(["check", "--key-file", str(file), *host]) == 2
    shown = capsys.readouterr().out
    assert shown.startswith(
        "FAILED  key      the file named by --key-file must hold the project API key (phc_...) and nothing else\n"
    )
    assert KEY not in shown


def test_an_error_of_the_package_is_one_line_and_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_: object) -> int:
        raise DeliveryError("PostHog answered 401: check the key", 401)

    monkeypatch.setattr("analytics_posthog._cli.check.run", run)
    assert main(["check"]) == 1
    assert capsys.readouterr() == ("", "analytics-posthog: error: PostHog answered 401: check the key\n")


def test_a_bug_is_one_line_with_its_place_and_without_the_exception_s_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_: object) -> int:
        raise KeyError("somebody@example.com")

    monkeypatch.setattr("analytics_posthog._cli.check.run", run)
    assert main(["check"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(
        r"analytics-posthog: error: KeyError at test_main\.py:\d+, which should not happen\. Please report .*\n", err
    )
    assert "somebody" not in err


def test_ctrl_c_is_code_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def run(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("analytics_posthog._cli.check.run", run)
    assert main(["check"]) == 130
    assert capsys.readouterr() == ("", "analytics-posthog: stopped\n")


def test_a_closed_pipe_ends_quietly_as_other_tools_end(tmp_path: Path) -> None:
    archive = tmp_path / "archive.jsonl"
    archive.write_text(MESSAGE * 20_000)
    done = shell('"$PYTHON" -m analytics_posthog convert "$ARCHIVE" | head -n 1', ARCHIVE=str(archive))
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (141, 1, "")


@pytest.mark.parametrize("arguments", ["--help", "convert -"])
def test_a_pipe_that_is_closed_before_the_first_byte_ends_quietly_too(arguments: str) -> None:
    done = shell(f"printf %s '{MESSAGE}' | {{ sleep 0; cat; }} | \"$PYTHON\" -m analytics_posthog {arguments} | :")
    assert done.stderr == ""
    assert done.returncode in (0, 141)  # the other end of the pipe may or may not be closed yet


def test_a_full_disk_is_one_line_and_code_1(tmp_path: Path) -> None:
    archive = tmp_path / "archive.jsonl"
    archive.write_text(MESSAGE * 20_000)
    # A file may have 2 MB, and the events have more.
    done = shell(
        'ulimit -f 2000; "$PYTHON" -m analytics_posthog convert "$ARCHIVE" > "$ARCHIVE.events"', ARCHIVE=str(archive)
    )
    assert (done.returncode, done.stderr) == (1, "analytics-posthog: error: File too large\n")


@pytest.mark.parametrize(
    ("number", "code", "said"), [(signal.SIGINT, 130, "analytics-posthog: stopped\n"), (signal.SIGTERM, 143, "")]
)
def test_a_signal_ends_the_command_with_a_shell_s_exit_code(number: int, code: int, said: str) -> None:
    command = [sys.executable, *MODULE, "convert"]
    pipe = subprocess.PIPE
    endless = [sys.executable, "-c", f"while True: print({MESSAGE!r}, end='')"]
    with subprocess.Popen(endless, stdout=pipe, stderr=subprocess.DEVNULL) as source:
        with subprocess.Popen(
            command, env=environment(), stdin=source.stdout, stdout=pipe, stderr=pipe, text=True
        ) as child:
            assert child.stdout is not None
            assert '"Bought"' in child.stdout.readline()
            child.send_signal(number)
            _, err = child.communicate(timeout=30)
        source.kill()
    as_in_a_shell = child.returncode if child.returncode >= 0 else 128 - child.returncode
    assert (as_in_a_shell, err) == (code, said)


def test_a_file_s_name_like_a_key_is_accepted(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name in ("phd_theses.jsonl", "phases.jsonl", "key", "phs_archive.jsonl"):
        (tmp_path / name).write_text(MESSAGE)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            assert main(["convert", name]) == 0
    assert capsys.readouterr().err == ""


def test_errors_go_to_standard_error_and_not_to_the_output(tmp_path: Path) -> None:
    archive = tmp_path / "archive.jsonl"
    archive.write_text(MESSAGE + "no json\n")
    done = run_python(*MODULE, "convert", str(archive))
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (1, 1, f"{archive}:2: not valid JSON\n")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["replya"], "(did you mean replay?). See analytics-posthog --help"),
        (["replay", "x", "--sinc", "2024"], "--sinc 2024 (did you mean --since?). See analytics-posthog replay --help"),
        (["convert", "--side-by-sid=1"], "(did you mean --side-by-side?)"),
        (["check", "--xyz"], "unrecognized arguments: --xyz. See analytics-posthog check --help"),
    ],
)
def test_a_misspelled_command_or_option_gets_the_nearest_one(
    capsys: pytest.CaptureFixture[str], arguments: list[str], hint: str
) -> None:
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(hint) if "See" in hint else hint in line
