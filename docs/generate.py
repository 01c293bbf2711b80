"""Writes the tables of docs/ that come from the code: `python docs/generate.py`.

In a page, a table stands between `<!-- generated: NAME -->` and `<!-- end -->`. A test checks that each is up to date.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from inspect import Parameter, signature
from pathlib import Path
from typing import Final

import analytics_posthog
from analytics_posthog import Client, _settings, convert
from analytics_posthog._cli.main import command_line
from analytics_posthog.convert import tables

DOCS: Final = Path(__file__).parent
_BLOCK: Final = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def pages() -> dict[Path, str]:
    """Return each page that has such a table, as it should be."""
    found = {}
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        if "<!-- generated: " in text:
            found[path] = _BLOCK.sub(lambda block: f"{block[1]}\n{TABLES[block[2]]()}\n\n{block[3]}", text)
    return found


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _meanings() -> dict[str, str]:
    """Return the text below each setting."""
    tree = ast.parse(Path(_settings.__file__).read_text(encoding="utf-8"))
    (settings,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings")
    return {
        ast.unparse(field.target): text.value.value
        for field, text in zip(settings.body, settings.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def _settings_table(are_ours: bool) -> str:
    parameters = signature(Client).parameters
    meanings = _meanings()
    rows = [
        [f"`{one.name}`", f"`{one.type}`", f"`{_shown(one.default)}`", meanings[one.name]]
        for one in fields(Client.DefaultConfig)
        if (parameters[one.name].kind is Parameter.KEYWORD_ONLY) == are_ours and one.name in meanings
    ]
    return table(["Setting", "Type", "Default", "What it does"], rows)


def _shown(default: object) -> str:
    return f'"{default}"' if isinstance(default, str) else str(default)


def _calls() -> str:
    rows = []
    for call, event in convert.EVENTS.items():
        arguments = [
            name
            for name in signature(getattr(analytics_posthog, call)).parameters
            if name not in ("context", "timestamp", "anonymous_id", "integrations", "message_id")
        ]
        given = [
            f"`{name}`" if name == field else f"`{name}` from `{field}`" for name, field in convert.FIELDS[call].items()
        ]
        own = ["the properties"] if "properties" in arguments else []
        rows.append(
            [f"`{call}({', '.join(arguments)})`", f"`{event}`" if event else "its name", ", ".join(own + given)]
        )
    return table(["Segment's call", "PostHog's event", "What the event has"], rows)


def _context() -> str:
    rows = []
    for key, row in convert.CONTEXT.items():
        inner = {f"{key}.{name}": to for name, to in row.items()} if isinstance(row, dict) else {key: row}
        rows += [[f"`context.{name}`", f"`{to}`"] for name, to in inner.items()]
    return table(["Segment's context", "PostHog's property"], rows)


def _own() -> str:
    rows = [[f"`properties.{name}`", f"`{to}`", "always"] for name, to in convert.PROPERTIES.items()]
    rows += [
        [f"`properties.{name}` of a page call", f"`{to}`", "if the context doesn't say it"]
        for name, to in tables.PAGE.items()
    ]
    return table(["Segment's property", "PostHog's property", "When"], rows)


def _commands() -> str:
    parts = []
    for name, parser in command_line()[1].items():
        takes = [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]
        rows = [[f"`{_option(action)}`", _help(action)] for action in takes]
        parts += [f"## {name}", str(parser.description).replace("\n", " "), table(["Option", "What it does"], rows)]
        parts.append(f"```text\n{str(parser.epilog).strip()}\n```")
    return "\n\n".join(parts)


def _option(action: argparse.Action) -> str:
    names = action.option_strings or [str(action.metavar)]
    value = f" {action.metavar}" if action.option_strings and action.nargs != 0 else ""
    return f"{names[-1]}{value}"


def _help(action: argparse.Action) -> str:
    text = (str(action.help) % {"default": action.default}).replace(str(Path.home()), "~")
    text = re.sub(r"(?<![\w-])(--[a-z-]+|\$\w+|https?://[\w./-]+|s3://|gs://)", r"`\1`", text)
    return text[:1].upper() + text[1:]


def _words(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) + "."


TABLES: Final[dict[str, Callable[[], str]]] = {
    "settings-segment": lambda: _settings_table(are_ours=False),
    "settings-ours": lambda: _settings_table(are_ours=True),
    "calls": _calls,
    "context": _context,
    "own-properties": _own,
    "click-ids": lambda: _words(convert.CLICK_IDS),
    "refused-ids": lambda: _words(convert.REFUSED | convert.REFUSED_EXACTLY),
    "commands": _commands,
}

if __name__ == "__main__":
    os.environ.pop("XDG_STATE_HOME", None)  # the help names a directory of the user
    for page, text in pages().items():
        page.write_text(text, encoding="utf-8")
