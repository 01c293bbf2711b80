"""PostHog's own parser of HogQL, and the little of PostHog's translation to ClickHouse that the guide's queries need.

Each rule names its place in github.com/PostHog/posthog; we read them there, and copied nothing.
"""

from __future__ import annotations

import json
import re
import sys
import types
from typing import Any

# PostHog's app has a module with the parser's exceptions, which the parser imports. The package `posthog` has none, and
# what we call gives a syntax error back as JSON.
ERRORS = "posthog.hogql.errors"
sys.modules[ERRORS] = types.ModuleType(ERRORS)
import hogql_parser  # noqa: E402

del sys.modules[ERRORS]

RETURNED_ROWS = 100  # of a query without a LIMIT: posthog/hogql/constants.py, `DEFAULT_RETURNED_ROWS`


class NotHogQL(Exception):
    """What the parser said of a text that it refused."""


def parsed(query: str) -> dict[str, Any]:
    """The query as a tree, without the places in the text; `NotHogQL` if it can't be parsed."""
    tree: dict[str, Any] = json.loads(hogql_parser.parse_select_json(query, is_internal=True))
    if tree.get("error"):
        raise NotHogQL(f"{tree['type']}: {tree['message']}")
    return tree


def fields(tree: Any) -> set[str]:
    """The fields, tables and aliases that a tree reads, such as `properties.$lib`."""
    if isinstance(tree, list):
        return set().union(*map(fields, tree))
    if not isinstance(tree, dict):
        return set()
    if tree.get("node") == "Field":
        return {".".join(tree["chain"])}
    return fields(list(tree.values()))


def to_clickhouse(query: str) -> str:
    """The query as PostHog runs it, for the table of `clickhouse.py`; `NotHogQL` if it can't be parsed."""
    limit = "" if "limit" in parsed(query) else f" LIMIT {RETURNED_ROWS}"
    return re.sub(r"\bproperties((?:\.[\w$]+)+)", _property, query) + limit


def _property(found: re.Match[str]) -> str:
    """A property is read out of the column's JSON, and is NULL if it is not there: posthog/hogql/printer."""
    path = ", ".join(f"'{name}'" for name in found[1].split(".")[1:])
    return f"""replaceRegexpAll(nullIf(nullIf(JSONExtractRaw(properties, {path}), ''), 'null'), '^"|"$', '')"""
