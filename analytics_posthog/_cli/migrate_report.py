"""The audit of `migrate` for reading, for machines, and for a pull request."""

from __future__ import annotations

import io
import json
import shutil
from collections import Counter
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .._delivery import counted
from .._migrate import App, CallSite, Risk, plan_of
from .plain import plain

_NONE = "-"


def as_json(app: App) -> str:
    """Return the audit as JSON: `files`, `calls`, `places`, `plan` and `left`."""
    found = {
        "files": app.files,
        "calls": [{**call._asdict(), "risks": [risk._asdict() for risk in call.risks]} for call in app.calls],
        "places": [
            {"file": site.file, "line": site.line, **site.risk._asdict(), "changed": bool(site.edits)}
            for site in app.sites
        ],
        "plan": [event._asdict() for event in plan_of(app.calls)],
        "left": [{"file": file, "why": why} for file, why in app.left],
    }
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def as_markdown(app: App) -> str:
    """Return the audit as Markdown."""
    lines = ["# From Segment to PostHog", "", _summary(app), ""]
    for title, columns, rows in _tables(app):
        lines += [f"## {title}", "", f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
        lines += [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
        lines.append("")
    return "\n".join(lines)


def as_text(app: App) -> str:
    """Return the audit as tables for a terminal."""
    output = io.StringIO()
    console = Console(file=output, width=max(100, shutil.get_terminal_size().columns), no_color=True, highlight=False)
    for title, columns, rows in _tables(app):
        table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False, box=None)
        for number, column in enumerate(columns):
            table.add_column(column, overflow="fold", no_wrap=number == 0 and title != "Tracking plan")
        for row in rows:
            table.add_row(*(Text(plain(cell)) for cell in row))
        console.print(table)
        console.print()
    lines = [line.rstrip() for line in output.getvalue().splitlines()]
    return "\n".join([*lines, _summary(app), ""])


def _tables(app: App) -> Iterable[tuple[str, list[str], list[list[str]]]]:
    """Yield the tables that have rows: title, columns, rows."""
    tables: list[tuple[str, list[str], list[list[str]]]] = [
        ("Calls", ["Place", "Call", "Event in PostHog", "Ids", "Risks"], [_row(call) for call in app.calls]),
        ("Risks", ["Such as", "Calls", "What to do"], _remedies(app)),
        (
            "Other places",
            ["Place", "What it is", "What to do"],
            [[f"{site.file}:{site.line}", site.risk.what, site.risk.remedy] for site in app.sites],
        ),
        (
            "Tracking plan",
            ["Event", "Event in PostHog", "Properties", "Sent from"],
            [
                [
                    f"{event.call} {event.event}".strip(),
                    event.posthog,
                    ", ".join([*event.properties, *([] if event.whole else ["..."])]) or _NONE,
                    ", ".join(event.places),
                ]
                for event in plan_of(app.calls)
            ],
        ),
        ("Left as they are", ["File", "Why"], [[file, why] for file, why in app.left]),
    ]
    return [table for table in tables if table[2]]


def _row(call: CallSite) -> list[str]:
    ids = ", ".join(call.ids) or _NONE
    return [f"{call.file}:{call.line}", call.call, call.posthog, ids, _whats(call.risks)]


def _whats(risks: Iterable[Risk]) -> str:
    return "; ".join(risk.what for risk in risks) or _NONE


def _remedies(app: App) -> list[list[str]]:
    """Return a row for each kind of risk that a call has: an example, how many calls, what to do."""
    found: dict[str, list[Risk]] = {}
    for call in app.calls:
        for risk in call.risks:
            found.setdefault(risk.kind, []).append(risk)
    return [[risks[0].what, str(len(risks)), risks[0].remedy] for risks in found.values()]


def _summary(app: App) -> str:
    calls = Counter(call.call for call in app.calls)
    each = ", ".join(f"{count} {call}" for call, count in calls.most_common())
    risky = sum(1 for call in app.calls if call.risks)
    files = len({call.file for call in app.calls} | {site.file for site in app.sites})
    parts = [
        f"{counted(len(app.calls), 'call')}{f' ({each})' if each else ''}, {risky} with a risk",
        f"{counted(len(app.sites), 'other place')}",
        f"in {files} of {counted(app.files, 'file')}",
    ]
    return f"{'; '.join(parts)}. --write would change {counted(len(app.changes), 'file')}."


def _cell(text: Any) -> str:
    return plain(str(text)).replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`").replace("<", "&lt;")
