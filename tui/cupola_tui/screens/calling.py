"""How an endpoint is called: ways to do it from elsewhere, and the fields of a row as its model takes it."""

import json
import shlex
from typing import Any

from cupola_tui import figures
from cupola_tui.plain import clean
from cupola_tui.widgets.rows import Record

KINDS = {"integer": "integer", "number": "number", "boolean": "boolean"}
YES, NO = ("yes", "true", "1"), ("no", "false", "0")
HINTS = {"date": "YYYY-MM-DD", "datetime": "YYYY-MM-DD HH:MM:SS", "text": "text"}
EXACT = 2.0**53  # up to here each whole number is one of its own
MOST_NAMED = 8  # values of a category that a field's help names


def snippets(record: Record, body: str = "") -> list[tuple[str, str]]:
    """Ways to call an endpoint: curl, the command line, the hosted service's client, Python. body: JSON to be sent,
    else the rows of a file."""
    url, name = clean(record.get("url") or "URL"), clean(record.get("name"))
    media = "application/json" if body else "text/csv"
    data = f"-d {shlex.quote(body)}" if body else "--data-binary @rows.csv"
    read = f"rows = {body!r}" if body else 'rows = open("rows.csv").read()'
    gateway = clean(record.get("gateway") or "GATEWAY").split("/endpoints")[0]
    return [
        ("curl", f"curl -s {url}/invocations -H 'Content-Type: {media}' {data}"),
        ("Cupola", f"cupola endpoint invoke {name} --data {shlex.quote(body) if body else 'rows.csv'}"),
        (
            "boto3",
            "import boto3\n\n"
            f'client = boto3.client("sagemaker-runtime", endpoint_url="{gateway}",\n'
            '                      region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")\n'
            f"{read}\n"
            f'answer = client.invoke_endpoint(EndpointName="{name}", ContentType="{media}", Body=rows)\n'
            'print(answer["Body"].read().decode())',
        ),
        (
            "Python",
            "import urllib.request\n\n"
            f"{read}\n"
            f'request = urllib.request.Request("{url}/invocations", rows.encode(), {{"Content-Type": "{media}"}})\n'
            "print(urllib.request.urlopen(request).read().decode())",
        ),
    ]


def fields(columns: list[Record]) -> list[Record]:
    """A field for each column of a model, as forms have them."""
    return [
        {
            "name": str(one["name"]),
            "label": str(one["name"]),
            "kind": KINDS.get(str(one.get("type")), "text"),
            "help": _help(one),
            "required": False,
            "default": None,
            "choices": [typed(value) for value in one.get("categories") or []],
            "completes": "",
        }
        for one in columns
    ]


def _help(column: Record) -> str:
    known = column.get("categories") or []
    if not known:
        return str(column.get("type") or "") if column.get("type") not in HINTS else HINTS[str(column["type"])]
    more = f", {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else ""
    return ", ".join(figures.short(value) for value in known[:MOST_NAMED]) + more


def typed(value: Any) -> str:
    """A value as one types it; a missing one is empty, and a whole number has no point."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        value = int(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value)


def row(columns: list[Record], values: dict[str, str]) -> tuple[Record, dict[str, str]]:
    """The row that was typed, as the endpoint takes it (an empty field is a missing value), and a sentence for each
    column whose value is no such value."""
    found: Record = {}
    wrong: dict[str, str] = {}
    for column in columns:
        name = str(column["name"])
        try:
            found[name] = _value(column, values.get(name, "").strip())
        except ValueError as error:
            wrong[name] = str(error)
    return found, wrong


def _value(column: Record, text: str) -> Any:
    if not text:
        return None
    known = {typed(value): value for value in column.get("categories") or []}
    known = {one.strip(): value for one, value in known.items()} | known  # the spaces around it are not typed
    if text in known:
        return known[text]
    match column.get("type"):
        case "integer":
            return _number(text, int, "must be a whole number")
        case "number":
            return _number(text, float, "must be a number")
        case "boolean":
            if text.casefold() not in YES + NO:
                raise ValueError("must be yes or no")
            return text.casefold() in YES
    return text


def _number(text: str, kind: type[int] | type[float], words: str) -> float:
    try:
        value = kind(text)
    except ValueError:
        raise ValueError(words) from None
    if value - value != 0:  # JSON has neither NaN nor infinity
        raise ValueError(words)
    return value
