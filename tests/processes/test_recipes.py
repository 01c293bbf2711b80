"""Each recipe of examples/ has a test of its own with the fixture, as a reader would write it, and it is run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.suite_process import run_suite

EXAMPLES = Path(__file__).parents[2] / "examples"
RECIPES = ["aws_lambda", "celery_tasks", "django_app", "fastapi_app", "flask_app"]


def test_the_recipes_tests_pass() -> None:
    passed, failed, printed = run_suite(EXAMPLES / "tests")
    assert (failed, len(passed) >= len(RECIPES)) == ([], True), printed
    assert [recipe for recipe in RECIPES if f"test_{recipe}.py::" not in printed] == []


MIDDLEWARE = "posthog.integrations.django.PosthogContextMiddleware"
BROKEN = [
    ("django_app", MIDDLEWARE, "django.middleware.common.CommonMiddleware", "KeyError: '$session_id'"),
    ("flask_app", "PosthogFlaskIntegration(app)\n", "PosthogFlaskIntegration\n", "KeyError: '$session_id'"),
    ("celery_tasks", '"amount": amount', '"total": amount', "properties.amount: expected 9.5, but it is missing"),
]


@pytest.mark.parametrize(("recipe", "right", "wrong", "said"), BROKEN, ids=[each[0] for each in BROKEN])
def test_a_recipe_without_what_it_shows_fails_its_test(
    recipe: str, right: str, wrong: str, said: str, tmp_path: Path
) -> None:
    broken = shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    for other in (broken / "tests").glob("test_*.py"):
        if other.stem != f"test_{recipe}":
            other.unlink()
    app = broken / f"{recipe}.py"
    assert right in app.read_text()
    app.write_text(app.read_text().replace(right, wrong))
    _, failed, printed = run_suite(broken / "tests")
    assert failed
    assert said in printed
