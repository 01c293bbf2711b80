"""After install_as_segment(), code that imports Segment's SDK gets this package, and its calls arrive in PostHog."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from tests.support.child_process import TESTS, run_python
from tests.support.posthog_server import PostHogServer

INSTALL = "import analytics_posthog\nanalytics_posthog.install_as_segment()\n"
LEGACY = "import analytics_posthog\nanalytics_posthog.install_as_segment(legacy=True)\n"
WITHOUT_SEGMENT = """
import sys
from importlib.machinery import PathFinder
class NoSegment:
    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] == "segment" else PathFinder.find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(PathFinder)] = NoSegment()
"""
REFUSED = """
try:
    analytics_posthog.install_as_segment(**{options})
except analytics_posthog.InstallRefused as error:
    print(error)
"""
WHERE = (
    "Put the line before the first import of it: at the top of the file that starts the app "
    "(manage.py, wsgi.py, celery.py, __main__.py)"
)


def output(script: str, **variables: str) -> str:
    done = run_python("-W", "error", "-c", script, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def refusal(before: str, options: str = "dict()", **variables: str) -> str:
    """What install_as_segment() says after this code. It must not change what is imported."""
    after = "assert sys.modules == {**before, **{name: sys.modules[name] for name in set(sys.modules) - set(before)}}\n"
    return output(
        f"{before}\nimport sys, analytics_posthog\nbefore = dict(sys.modules)\n"
        + REFUSED.format(options=options)
        + after,
        **variables,
    )


IMPORTS = """
import sys
import {name}
import {name} as analytics
from {name} import Client
from {name}.client import Client as FromClient
import {name}.client as client
from {name}.version import VERSION
import {name}.version as version

assert sys.modules["{name}"] is analytics is {name} is analytics_posthog
assert Client is FromClient is client.Client is analytics_posthog.Client
assert VERSION == version.VERSION == analytics_posthog.__version__
assert client is analytics_posthog.client and version is analytics_posthog.version
analytics.write_key = "phc_set_by_others"
assert analytics_posthog.write_key == "phc_set_by_others"
analytics.send = False
analytics.track("u1", "Bought")
assert {name}.default_client is analytics_posthog.default_client is not None
"""


@pytest.mark.parametrize("without", ["", WITHOUT_SEGMENT], ids=["installed", "not installed"])
def test_every_way_to_import_segment_s_package_gives_this_one(without: str) -> None:
    more = "from segment import analytics as again\nassert again is analytics_posthog\n"
    assert output(without + INSTALL + INSTALL + IMPORTS.format(name="segment.analytics") + more) == ""


@pytest.mark.parametrize("without", ["", WITHOUT_SEGMENT], ids=["installed", "not installed"])
def test_every_way_to_import_the_old_package_gives_this_one(without: str) -> None:
    assert output(without + LEGACY + LEGACY + IMPORTS.format(name="analytics")) == ""


def test_legacy_leaves_the_new_package_as_it_is_and_both_can_be_had() -> None:
    script = (
        "import segment.analytics\nassert segment.analytics is not analytics_posthog\n"
        "assert sys.modules['analytics'] is analytics_posthog"
    )
    assert output(f"import sys\n{LEGACY}{script}") == ""
    assert (
        output(
            f"import sys\n{LEGACY}{INSTALL}import segment.analytics, analytics\nassert segment.analytics is analytics"
        )
        == ""
    )


SUBMODULES = ["client", "consumer", "oauth_manager", "request", "utils", "version"]


@pytest.mark.parametrize("name", ["segment.analytics", "analytics"])
def test_segment_s_submodules_are_those_of_this_package(name: str) -> None:
    script = f"""
{INSTALL if "." in name else LEGACY}
import importlib, sys
for submodule in {SUBMODULES}:
    module = importlib.import_module("{name}." + submodule)
    assert module is getattr(analytics_posthog, submodule) is sys.modules["analytics_posthog." + submodule]
"""
    assert output(script) == ""


@pytest.mark.parametrize("name", ["segment.analytics", "analytics"])
def test_another_submodule_of_segment_s_package_is_an_import_error_and_a_warning_that_say_why(name: str) -> None:
    others = ["test", "convert", "errors"]  # the last two are files of ours
    script = f"""
{INSTALL if "." in name else LEGACY}
import importlib, sys
for submodule in {others}:
    try:
        importlib.import_module("{name}." + submodule)
    except ModuleNotFoundError as error:
        print(error.name, error, sep="|")
    assert "{name}." + submodule not in sys.modules
"""
    why = f"{name} is analytics_posthog since install_as_segment(), and has only {', '.join(SUBMODULES)}"
    texts = [f"No module named '{name}.{other}': {why}" for other in others]
    done = run_python("-W", "error", "-c", script)
    assert (done.returncode, done.stdout.splitlines(), done.stderr.splitlines()) == (
        0,
        [f"{name}.{other}|{text}" for other, text in zip(others, texts, strict=True)],
        [f"analytics-posthog: {text}. The code that imports it may send nothing now: test it" for text in texts],
    )


@pytest.mark.parametrize("imported", ["import segment.analytics", "from segment.analytics.version import VERSION"])
def test_an_error_says_where_to_put_the_line_if_it_comes_too_late(imported: str) -> None:
    late = "so install_as_segment() comes too late."
    text = f"segment.analytics is Segment's SDK and was imported already, {late} {WHERE}\n"
    assert refusal(imported) == text


def test_it_comes_too_late_after_dual_running_imported_segment_s_client(posthog_server: PostHogServer) -> None:
    client = (
        "import analytics_posthog\n"
        f"analytics_posthog.Client('phc_key', {posthog_server.url!r}, segment_write_key='k').shutdown()"
    )
    assert "comes too late" in refusal(client)


def old_sdk(folder: Path) -> Path:
    """Segment's old SDK as pip installs it: the package and the list of its files."""
    (folder / "analytics").mkdir()
    (folder / "analytics" / "__init__.py").write_text("write_key = None\n")
    (folder / "analytics" / "version.py").write_text("VERSION = '1.4.post1'\n")
    information = folder / "analytics_python-1.4.post1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: analytics-python\nVersion: 1.4.post1\n")
    (information / "RECORD").write_text("analytics/__init__.py,,\nanalytics/version.py,,\n")
    return folder


def test_segment_s_old_sdk_is_recognised_by_its_list_of_files_and_replaced(tmp_path: Path) -> None:
    assert output(LEGACY + IMPORTS.format(name="analytics"), PYTHONPATH=paths(old_sdk(tmp_path))) == ""


def test_it_comes_too_late_after_segment_s_old_sdk_was_imported(tmp_path: Path) -> None:
    text = f"analytics is Segment's SDK and was imported already, so install_as_segment() comes too late. {WHERE}\n"
    for imported in ("import analytics", "import analytics.version"):
        folder = tmp_path / imported[-9:]
        folder.mkdir()
        assert refusal(imported, "dict(legacy=True)", PYTHONPATH=paths(old_sdk(folder))) == text


def paths(folder: Path) -> str:
    from tests.support.child_process import environment

    return f"{folder}:{environment()['PYTHONPATH']}"


OWN = {
    "a package": {"analytics/__init__.py": "mine = True"},
    "a module": {"analytics.py": "mine = True"},
    "a package without an __init__": {"analytics/reports.py": "mine = True"},
    "a package of packages": {"analytics/reports/__init__.py": "mine = True"},
    "a package of packages of packages": {"analytics/reports/monthly/sums.py": "mine = True"},
}


@pytest.mark.parametrize("files", OWN.values(), ids=OWN)
def test_an_app_s_own_analytics_is_never_replaced(files: dict[str, str], tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    shown = Path(next(iter(files))).name
    text = (
        f"there is a module 'analytics' ({shown}) that isn't Segment's SDK, and install_as_segment() doesn't take "
        "its place. Rename it, or change the imports of the code that calls Segment\n"
    )
    for imported in ("", "import analytics"):
        assert refusal(imported, "dict(legacy=True)", PYTHONPATH=paths(tmp_path)) == text


def test_a_module_without_a_file_is_the_app_s_own() -> None:
    made = "import sys, types\nsys.modules['analytics'] = types.ModuleType('analytics')"
    assert "there is a module 'analytics' (analytics) that isn't Segment's SDK" in refusal(made, "dict(legacy=True)")


def test_a_directory_without_python_files_is_not_a_package(tmp_path: Path) -> None:
    (tmp_path / "analytics").mkdir()
    (tmp_path / "analytics" / "2024.csv").write_text("a,b\n")
    assert output(LEGACY + IMPORTS.format(name="analytics"), PYTHONPATH=paths(tmp_path)) == ""


def test_an_app_s_own_module_segment_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "segment.py").write_text("mine = True")
    assert "there is a module 'segment' (segment.py) that isn't Segment's SDK" in refusal(
        "", PYTHONPATH=paths(tmp_path)
    )


def test_other_modules_in_the_namespace_segment_can_still_be_imported(tmp_path: Path) -> None:
    (tmp_path / "segment").mkdir()
    (tmp_path / "segment" / "other.py").write_text("mine = True")
    assert output(f"{INSTALL}import segment.other\nassert segment.other.mine", PYTHONPATH=paths(tmp_path)) == ""


@pytest.mark.parametrize("install", [INSTALL, LEGACY, LEGACY + INSTALL], ids=["new", "legacy", "both"])
def test_dual_running_still_uses_segment_s_real_client(
    install: str, posthog_server: PostHogServer, segment_server: PostHogServer
) -> None:
    script = f"""
{install}
import sys
analytics = sys.modules.get("segment.analytics", analytics_posthog)
analytics.write_key, analytics.host = "phc_key", {posthog_server.url!r}
analytics.segment_write_key, analytics.segment_host = "segment-key", {segment_server.url!r}
analytics.track("u1", "Bought")
real = type(analytics.default_client._route.delivery._segment._client).__mro__[1]
assert real.__module__ == "segment.analytics.client" and real is not analytics_posthog.Client
analytics.shutdown()
if "segment.analytics" in sys.modules:
    import segment.analytics.client
    assert analytics is segment.analytics is analytics_posthog or {install == LEGACY}
"""
    assert output(script) == ""
    assert [event["distinct_id"] for event in posthog_server.events] == ["u1"]
    assert [message["userId"] for message in segment_server.segment_messages] == ["u1"]


def test_dual_running_without_segment_s_client_says_what_to_install() -> None:
    script = """
try:
    analytics_posthog.Client("phc_key", segment_write_key="segment-key")
except analytics_posthog.InvalidSetting as error:
    print(error)
"""
    text = "segment_write_key needs Segment's own client: pip install 'analytics-posthog[segment]'\n"
    assert output(WITHOUT_SEGMENT + INSTALL + script) == text


def test_find_spec_finds_segment_without_its_sdk() -> None:
    script = """
import importlib.util, sys, analytics_posthog
sys.path[:] = [place for place in sys.path if not importlib.machinery.PathFinder.find_spec("segment", [place])]
analytics_posthog.install_as_segment()
import segment
print(importlib.util.find_spec("segment").name, segment.analytics.__name__)
"""
    assert output(script) == "segment analytics_posthog\n"


def test_the_package_installs_only_its_own_top_level_module() -> None:
    setup = configparser.ConfigParser()
    setup.read(TESTS.parent / "setup.cfg")
    assert setup["options.packages.find"]["include"].split() == ["analytics_posthog", "analytics_posthog.*"]
