"""Runs `analytics-posthog check` for the tests, with only a key in the environment."""

from __future__ import annotations

from time import monotonic

import pytest

from analytics_posthog._cli import main

KEY = "phc_" + "Ab3" * 14 + "x"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


def only_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the key, and remove the other variables that the command reads."""
    for name in (*_PROXIES, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "POSTHOG_HOST"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("POSTHOG_PROJECT_API_KEY", KEY)


class Check:
    """Runs the command, returns what it writes, and checks that the key isn't in it."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, timeout: str = "5") -> tuple[int, list[str], str]:
        begin = monotonic()
        code = main(["check", "--timeout", timeout, *arguments])
        assert monotonic() - begin < 3 * float(timeout) + 3
        out, err = self._capsys.readouterr()
        assert KEY not in out + err
        return code, out.splitlines(), err

    def failure(self, *arguments: str, timeout: str = "5") -> tuple[int, str]:
        """Return the exit code and the only line with FAILED, which standard error names too."""
        code, lines, err = self(*arguments, timeout=timeout)
        failed = [line for line in lines if line.startswith("FAILED")]
        assert len(failed) == 1, lines
        assert err == f"analytics-posthog: check failed: {failed[0].split()[1]}\n"
        return code, failed[0]
