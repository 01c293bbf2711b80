"""Texts that name Segment's module or logger, and the files that say which packages an app needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.migrate.support import after, app_of, kinds

TEXTS = {
    'mock.patch("segment.analytics.track")': 'mock.patch("analytics_posthog.track")',
    "mocker.patch('segment.analytics.client.Client.identify', autospec=True)": (
        "mocker.patch('analytics_posthog.client.Client.identify', autospec=True)"
    ),
    '@patch("segment.analytics.track")\ndef test(): pass': '@patch("analytics_posthog.track")\ndef test(): pass',
    'monkeypatch.setattr("segment.analytics.send", False)': 'monkeypatch.setattr("analytics_posthog.send", False)',
    'logging.getLogger("segment")': 'logging.getLogger("analytics_posthog")',
    'X = {"loggers": {"segment": {"level": "INFO"}}}': 'X = {"loggers": {"analytics_posthog": {"level": "INFO"}}}',
    'sys.modules["segment.analytics"] = fake': 'sys.modules["analytics_posthog"] = fake',
    'patch.dict(sys.modules, {"segment.analytics": fake})': 'patch.dict(sys.modules, {"analytics_posthog": fake})',
    'importlib.import_module("segment.analytics")': 'importlib.import_module("analytics_posthog")',
    'import analytics\npatch("analytics.track")': (
        'import analytics_posthog as analytics\npatch("analytics_posthog.track")'
    ),
}


@pytest.mark.parametrize("before", TEXTS)
def test_a_text_that_names_the_module_or_the_logger_is_renamed(tmp_path: Path, before: str) -> None:
    assert after(tmp_path, {"a.py": f"{before}\n"}) == {"a.py": f"{TEXTS[before]}\n"}


@pytest.mark.parametrize(
    "text",
    [
        'patch("shop.views.analytics.track")',
        'patch("segmentation.analytics")',
        'patch("analytics.track")',  # without an import it may be anything
        'getLogger("segment.x")',
        'x = "segment.analytics.track"',
        '"""segment.analytics"""',
    ],
)
def test_another_text_stays(tmp_path: Path, text: str) -> None:
    assert after(tmp_path, {"a.py": f"{text}\n"}) == {}


def test_a_target_that_isnt_called_any_more_is_reported(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "a.py": 'patch("segment.analytics.consumer.Consumer.request")\npatch("segment.analytics.nothing")\n'
    }
    app = app_of(tmp_path, files)
    assert kinds(app) == ["mock-idle", "mock-idle"]


REQUIREMENTS = {
    "requirements.txt": ("segment-analytics-python==2.3.2\n", "analytics-posthog>=1,<2\n"),
    "requirements-dev.txt": (
        "Segment_Analytics.Python[x] >= 2, <3 ; python_version > '3'  # y\n",
        "analytics-posthog>=1,<2 ; python_version > '3'  # y\n",
    ),
    "requirements/base.in": ("a\nanalytics-python\r\nb\n", "a\nanalytics-posthog>=1,<2\r\nb\n"),
    "constraints.txt": ("segment-analytics-python~=2.3\n", "analytics-posthog>=1,<2\n"),
    "setup.cfg": ("install_requires = segment-analytics-python>=2\n", "install_requires = analytics-posthog>=1,<2\n"),
    "tox.ini": ("deps =\n    segment-analytics-python\n", "deps =\n    analytics-posthog>=1,<2\n"),
    "setup.py": (
        "setup(install_requires=['segment-analytics-python>=2'])\n",
        "setup(install_requires=['analytics-posthog>=1,<2'])\n",
    ),
    "pyproject.toml": (
        "dependencies = [\"segment-analytics-python>=2,<3; python_version<'4'\"]\n",
        "dependencies = [\"analytics-posthog>=1,<2; python_version<'4'\"]\n",
    ),
    "sub/pyproject.toml": ('segment-analytics-python = "^2.3"\n', 'analytics-posthog = ">=1,<2"\n'),
    "poetry/pyproject.toml": (
        'analytics-python = {version = "^1", optional = true}\n',
        'analytics-posthog = {version = ">=1,<2", optional = true}\n',
    ),
    "Pipfile": ('"segment-analytics-python" = "*"\n', '"analytics-posthog" = "*"\n'),
    "environment.yaml": ("  - segment-analytics-python=2.3\n", "  - analytics-posthog>=1,<2\n"),
}


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_a_requirement_becomes_this_package(tmp_path: Path, name: str) -> None:
    before, changed = REQUIREMENTS[name]
    assert after(tmp_path, {name: before}) == {name: changed}
    assert after(tmp_path, {name: changed}) == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "requirements.txt",
            "# segment-analytics-python\nmy-segment-analytics-python\nsegment-analytics-python-types\n",
        ),
        ("pyproject.toml", '# "segment-analytics-python"\nname = "my-analytics-python"\n'),
        ("notes.txt", "segment-analytics-python\n"),
        ("setup.py", "# 'analytics-python'\nsetup()\n"),
    ],
)
def test_another_requirement_stays(tmp_path: Path, name: str, text: str) -> None:
    app = app_of(tmp_path, {name: text})
    assert app.changes == []
    assert app.sites == []


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("requirements.txt", "segment-analytics-python==2.3.2 \\\n    --hash=sha256:00\n", "requirement-left"),
        ("pyproject.toml", 'segment-analytics-python = {git = "https://example.com/x"}\n', "requirement-left"),
        ("uv.lock", '[[package]]\nname = "segment-analytics-python"\n', "lock"),
        ("poetry.lock", 'name = "analytics-python"\n', "lock"),
    ],
)
def test_what_must_be_made_again_is_named(tmp_path: Path, name: str, text: str, kind: str) -> None:
    app = app_of(tmp_path, {name: text})
    assert app.changes == []
    assert kinds(app) == [kind]


def test_a_notebook_is_named_and_left(tmp_path: Path) -> None:
    app = app_of(tmp_path, {"a.ipynb": '{"cells": [{"source": ["import segment.analytics"]}]}', "b.ipynb": "{}"})
    assert app.left == [(str(tmp_path / "a.ipynb"), "it is a notebook. Change its imports by hand")]
