"""What the double says of the rows of a grid: a small table, looked at as the real companion does."""

from typing import Any

from cupola.search import evaluating
from cupola.search.fields import Fields

CARRIERS = ("UA", "B6", "[b]DL[/b]", "AA\x1b[31m", None)
TYPES = {
    "late": "boolean", "carrier": "category", "hour": "integer", "temp": "number", "dest": "text", "day": "date",
    "note": "text",
}  # fmt: skip
ROWS: list[dict[str, Any]] = [
    {
        "late": place % 7 == 0,
        "carrier": CARRIERS[place % 5],
        "hour": 5 + place % 19,
        "temp": None if place % 11 == 3 else 30 + (place * 37 % 100) / 8,
        "dest": ("BOS", "ATL", "ORD")[place % 3],
        "day": f"2013-{1 + place // 60:02}-{1 + place % 28:02}",
        "note": "" if place % 4 else f"a longer remark upon row {place + 1}",
    }
    for place in range(600)
]


def answer(what: str, view: dict[str, Any], more: dict[str, Any]) -> Any:
    if what == "row":
        return list(ROWS[more["number"] - 1].values())
    rows, types = _looked_at(view)
    match what:
        case "page":
            shown = rows[more["offset"] : more["offset"] + more["limit"]]
            return {
                "count": len(rows), "total": _total(view), "offset": more["offset"],
                "numbers": [number for number, _ in shown], "rows": [list(row.values()) for _, row in shown],
                "columns": list(types), "types": list(types.values()),
            }  # fmt: skip
        case "find":
            return next((place for place, (number, _) in enumerate(rows) if number == more["row"]), None)
        case "shape":
            return _shape(more["column"], rows, types)
        case "summary":
            return _summary(more["column"], rows, types)
    return None


def _looked_at(view: dict[str, Any]) -> tuple[list[tuple[int, dict[str, Any]]], dict[str, str]]:
    rows, types = list(enumerate(ROWS, 1)), TYPES
    if group := view.get("group"):
        kept = _fitting(rows, view.get("within") or "")
        values = [row[group] for _, row in kept]
        counts = sorted({value: values.count(value) for value in values}.items(), key=lambda pair: -pair[1])
        rows = [
            (place, {group: value, "rows": count, "share": count / len(values)})
            for place, (value, count) in enumerate(counts, 1)
        ]
        types = {group: TYPES[group], "rows": "integer", "share": "number"}
    rows = _fitting(rows, view.get("filter") or "")
    if sort := view.get("sort"):
        there = [one for one in rows if one[1][sort] is not None]
        there.sort(key=lambda one: one[1][sort], reverse=bool(view.get("backwards")))
        rows = [*there, *(one for one in rows if one[1][sort] is None)]
    return rows, types


def _fitting(rows: list[tuple[int, dict[str, Any]]], filter: str) -> list[tuple[int, dict[str, Any]]]:
    held = [row for _, row in rows]
    fields = Fields(held, texts=[lambda row, name=name: row[name] for name in (held[0] if held else {})])
    test = evaluating.compiled(filter, fields)
    return [one for one in rows if test(one[1])]


def _total(view: dict[str, Any]) -> int:
    return len(_looked_at({"group": view.get("group"), "within": view.get("within")})[0])


def _shape(column: str, rows: list[tuple[int, dict[str, Any]]], types: dict[str, str]) -> dict[str, Any]:
    values = [row[column] for _, row in rows if row[column] is not None]
    found: dict[str, Any] = {"column": column, "counts": [], "low": None, "high": None, "distinct": None, "values": []}
    if column == "note":
        return found | {"distinct": 151}
    if types[column] in ("integer", "number") and values:
        low, high = min(values), max(values)
        bins = [min(9, int((value - low) / ((high - low) or 1) * 10)) for value in values]
        return found | {"counts": [bins.count(one) for one in range(10)], "low": low, "high": high}
    known = sorted({str(value) for value in values})
    return found | {"counts": [sum(str(value) == one for value in values) for one in known], "values": known}


def _summary(column: str, rows: list[tuple[int, dict[str, Any]]], types: dict[str, str]) -> dict[str, Any]:
    values = [row[column] for _, row in rows if row[column] is not None]
    top = sorted({value: values.count(value) for value in values}.items(), key=lambda pair: -pair[1])[:5]
    numbers = types[column] in ("integer", "number") and values
    return {
        "column": column, "type": types[column], "rows": len(rows), "missing": len(rows) - len(values),
        "distinct": len(set(values)), "shape": _shape(column, rows, types), "top": top,
        "min": min(values) if numbers else None, "max": max(values) if numbers else None,
        "mean": sum(values) / len(values) if numbers else None, "std": None, "quantiles": [],
    }  # fmt: skip
