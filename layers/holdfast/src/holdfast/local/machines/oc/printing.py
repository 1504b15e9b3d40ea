"""Objects and tables on standard output, as kubectl writes them."""

import json
from typing import Any

from holdfast.local.machines.apiserver.kinds import Kind

_GAP, _LEAST = 3, 6


def as_json(value: dict[str, Any]) -> str:
    """Go escapes what HTML would take for its own."""
    text = json.dumps(value, indent=4, sort_keys=True, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026") + "\n"


def as_list(values: list[dict[str, Any]]) -> dict[str, Any]:
    return {"apiVersion": "v1", "items": values, "kind": "List", "metadata": {"resourceVersion": ""}}


def as_name(kind: Kind, value: dict[str, Any]) -> str:
    return f"{kind.called}/{value['metadata']['name']}\n"


def as_table(tables: list[dict[str, Any]], *, wide: bool, namespaces: bool, headers: bool) -> str:
    """In columns as wide as their longest cell, and never very narrow; the last is as long as it is."""
    shown = [each for each in enumerate(tables[0]["columnDefinitions"]) if wide or not each[1].get("priority")]
    first = ["NAMESPACE"] if namespaces else []
    lines = [[*first, *(column["name"].upper() for _, column in shown)]] if headers else []
    for table in tables:
        for row in table.get("rows") or []:
            where = [row["object"]["metadata"].get("namespace", "")] if namespaces else []
            lines.append([*where, *(_cell(row["cells"][number]) for number, _ in shown)])
    widths = [
        max(_LEAST, *(len(line[number]) + _GAP for line in lines)) for number in range(len(lines[0]) if lines else 0)
    ]
    text = ""
    for line in lines:
        padded = [cell.ljust(width) for cell, width in zip(line[:-1], widths, strict=False)]
        text += "".join([*padded, line[-1]]) + "\n"
    return text


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
