"""Each spelling of the import becomes this package's; what isn't Segment's stays, and the audit says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.migrate.support import after, app_of, kinds

SPELLINGS = {
    "import analytics\n": "import analytics_posthog as analytics\n",
    "import analytics as a\n": "import analytics_posthog as a\n",
    "import analytics.client\n": "import analytics_posthog as analytics, analytics_posthog.client\n",
    "from analytics import Client, track\n": "from analytics_posthog import Client, track\n",
    "from analytics.client import Client\n": "from analytics_posthog.client import Client\n",
    "import segment.analytics as analytics\n": "import analytics_posthog as analytics\n",
    "import os, segment.analytics as a, sys\n": "import os, analytics_posthog as a, sys\n",
    "import segment.analytics\nsegment.analytics.track(1, 'x')\n": (
        "import analytics_posthog\nanalytics_posthog.track(1, 'x')\n"
    ),
    "import segment.analytics.client as c\n": "import analytics_posthog.client as c\n",
    "from segment import analytics\n": "import analytics_posthog as analytics\n",
    "from segment import analytics as a  # ours\n": "import analytics_posthog as a  # ours\n",
    "from segment import (\n    analytics,\n)\nx = 1\n": "import analytics_posthog as analytics\nx = 1\n",
    "from segment.analytics import (\n    Client,  # the class\n    track as t,\n)\n": (
        "from analytics_posthog import (\n    Client,  # the class\n    track as t,\n)\n"
    ),
    "from segment.analytics.request import APIError\n": "from analytics_posthog.request import APIError\n",
    "from segment.analytics import *\n": "from analytics_posthog import *\n",
    "if True:\n\timport segment.analytics as a; a.flush()\n": "if True:\n\timport analytics_posthog as a; a.flush()\n",
    "try:\n    import segment.analytics as a\nexcept ImportError:\n    a = None\n": (
        "try:\n    import analytics_posthog as a\nexcept ImportError:\n    a = None\n"
    ),
    "import segment.analytics as a\r\n\r\nä = '\u2028'\r\n": "import analytics_posthog as a\r\n\r\nä = '\u2028'\r\n",
}


@pytest.mark.parametrize("before", SPELLINGS)
def test_a_spelling_becomes_this_package_s_and_no_other_byte_changes(tmp_path: Path, before: str) -> None:
    assert after(tmp_path, {"a.py": before}) == {"a.py": SPELLINGS[before]}


@pytest.mark.parametrize("before", SPELLINGS)
def test_a_second_run_changes_nothing(tmp_path: Path, before: str) -> None:
    assert after(tmp_path, {"a.py": SPELLINGS[before]}) == {}


@pytest.mark.parametrize("coding", ["utf-8-sig", "latin-1", "cp1251"])
def test_a_file_s_encoding_stays(tmp_path: Path, coding: str) -> None:
    name = "я" if coding == "cp1251" else "ä"
    head = "" if coding == "utf-8-sig" else f"# -*- coding: {coding} -*-\n"
    before = f"{head}x = '{name}'; import segment.analytics as {name}; {name}.track(1, 'x')\n"
    app = app_of(tmp_path, {"a.py": before.encode(coding)})
    assert [change.after for change in app.changes] == [
        before.replace("segment.analytics", "analytics_posthog").encode(coding)
    ]
    assert len(app.calls) == 1


OWN = {
    "beside it": {"analytics.py": "def track(a, b): pass\n", "a.py": "import analytics\nanalytics.track(1, 2)\n"},
    "a package at the top": {
        "analytics/__init__.py": "",
        "analytics/report.py": "def track(a, b): pass\n",
        "shop/__init__.py": "",
        "shop/a.py": "from analytics.report import track\n",
    },
    "a package without __init__": {"src/analytics/x.py": "", "src/shop/a.py": "import analytics\n"},
}


@pytest.mark.parametrize("files", OWN.values(), ids=OWN)
def test_an_analytics_of_the_app_s_own_stays(tmp_path: Path, files: dict[str, str | bytes]) -> None:
    app = app_of(tmp_path, files)
    assert app.changes == []
    assert app.calls == []
    assert set(kinds(app)) == {"legacy"}
    assert "a module of your own" in app.sites[0].risk.what


def test_an_analytics_inside_a_package_is_not_the_top_one(tmp_path: Path) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/analytics.py": "import analytics\nanalytics.track(1, 'x')\n",
        "shop/b.py": "from . import analytics\nanalytics.report()\n",
    }
    assert after(tmp_path, dict(files)) == {
        "shop/analytics.py": "import analytics_posthog as analytics\nanalytics.track(1, 'x')\n"
    }


def test_another_package_named_analytics_stays(tmp_path: Path) -> None:
    app = app_of(tmp_path, {"a.py": "import analytics\nanalytics.make_report()\n"})
    assert app.changes == []
    assert app.sites[0].risk.what == (
        "`import analytics` stays: `analytics.make_report` is not in Segment's SDK, so `analytics` is another package"
    )


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("import rudderstack.analytics as rudder_analytics", "RudderStack's"),
        ("import rudder_analytics", "RudderStack's"),
        ("from customerio import analytics", "Customer.io's"),
        ("from rudderstack.analytics.client import Client", "RudderStack's"),
        ("from hightouch import htevents", "Hightouch's"),
    ],
)
def test_a_copy_of_segment_s_sdk_is_reported_and_stays(tmp_path: Path, line: str, what: str) -> None:
    app = app_of(tmp_path, {"a.py": f"{line}\n"})
    assert app.changes == []
    assert [site.risk.kind for site in app.sites] == ["clone"]
    assert what in app.sites[0].risk.what


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("from segment import analytics, other", "more than analytics"),
        ("from segment import (  # why\n    analytics,\n)", "a comment inside"),
        ("from segment.analytics import endpoints", "this package has no endpoints"),
        ("import segment.analytics.test", "this package has no test"),
        ("import segment", "alone doesn't load analytics"),
    ],
)
def test_an_import_that_must_be_changed_by_hand_is_named(tmp_path: Path, line: str, why: str) -> None:
    app = app_of(tmp_path, {"a.py": f"{line}\n"})
    assert app.changes == []
    assert [site.risk.kind for site in app.sites] == ["import-left"]
    assert why in app.sites[0].risk.remedy


UNTOUCHED = {
    "another segment": "from segment import Tokenizer\nTokenizer().track('x', 'y')\n",
    "a parameter": "import segment.analytics as a\ndef f(a):\n    a.track(1)\n",
    "a shadow": "import segment.analytics as a\ndef f():\n    a = other()\n    a.track(1)\n",
    "a comment": "# import segment.analytics\nx = 'import segment.analytics'\n",
    "another object": "class A:\n    def f(self):\n        self.analytics.track(1)\n",
}


@pytest.mark.parametrize("text", UNTOUCHED.values(), ids=UNTOUCHED)
def test_what_is_not_segment_s_is_no_call(tmp_path: Path, text: str) -> None:
    assert app_of(tmp_path, {"a.py": text}).calls == []


@pytest.mark.parametrize(
    "text",
    [
        "def f(:\n",
        "print 'x' # analytics\n",
        "import analytics\nx = " + "(" * 5000,
        "import analytics\nx = " + "-" * 30000 + "1\n",
    ],
    ids=["no syntax", "Python 2", "parentheses", "deep"],
)
def test_a_file_that_cant_be_parsed_is_named_and_left(tmp_path: Path, text: str) -> None:
    app = app_of(
        tmp_path, {"a.py": text if "analytics" in text else f"import analytics\n{text}", "b.py": "import analytics\n"}
    )
    assert [file for file, _ in app.left] == [str(tmp_path / "a.py")]
    assert [change.path.name for change in app.changes] == ["b.py"]
