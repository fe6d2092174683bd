"""What an endpoint takes and gives, for generators of clients (OpenAPI 3.1) and for people (a page of HTML)."""

import html
import json
from collections.abc import Sequence
from typing import Any

from cupola.registry.signature import SignatureColumn
from cupola.serving import answers, openinference
from cupola.serving.payloads import READ
from cupola.serving.scoring import Variant

PAGE_HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
    (b"x-content-type-options", b"nosniff"),
]
TYPES = {"integer": "integer", "number": "number", "boolean": "boolean"}
FORMATS = {"date": "date", "datetime": "date-time"}
EXAMPLES = {"integer": 1, "number": 1.0, "boolean": True, "date": "2013-01-31", "datetime": "2013-01-31T06:00:00"}
EXPLANATIONS = {
    "description": "where they were enabled; base and all attributions of a row add up to its answer",
    "type": "array",
    "items": {
        "type": "object",
        "required": ["base", "attributions"],
        "properties": {
            "base": {"type": "number"},
            "attributions": {"type": "object", "additionalProperties": {"type": "number"}},
            "of": {"description": "the class whose probability it is"},
        },
    },
}
STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:56em;margin:2em auto;padding:0 1em;color:#222;background:#fff}"
    "table{border-collapse:collapse}th,td{text-align:left;padding:.2em 1em .2em 0;border-bottom:1px solid #ddd;"
    "vertical-align:top}pre{background:#f4f4f4;padding:.6em 1em;overflow-x:auto}"
)


def document(name: str, variants: Sequence[Variant]) -> dict[str, Any]:
    """The OpenAPI document of an endpoint; each variant whose model takes other columns has a schema of its own."""
    rows = _rows(variants)
    schemas = {"Row": rows[0] if len(rows) == 1 else {"anyOf": rows}}
    schemas |= {
        "Request": _request_schema(_ref("Row")),
        "Answer": _answer_schema(variants[0]),
        "Error": _error_schema("message"),
    }
    schemas["OpenInferenceError"] = _error_schema("error")
    example = {"dataframe_records": [_example(variants[0])]}
    body = {"required": True, "content": _media(READ, _ref("Request"), example)}
    answer = {"description": "a prediction for each row", "content": _media(answers.WRITTEN, _ref("Answer"), None)}
    wrong = {"description": "what is wrong, in one sentence", "content": {answers.JSON: {"schema": _ref("Error")}}}
    model = f"/v2/models/{name}"
    return {
        "openapi": "3.1.0",
        "info": {"title": name, "version": ", ".join(one.label for one in variants), "summary": _summary(variants[0])},
        "servers": [{"url": "."}],
        "paths": {
            "/invocations": {
                "post": {
                    "operationId": "invoke",
                    "summary": "Predict rows",
                    "parameters": _parameters(variants),
                    "requestBody": body,
                    "responses": {"200": answer, "4XX": wrong, "5XX": wrong},
                }
            },
            f"{model}/infer": {"post": _infer(model, variants[0])},
            model: {"get": _told("metadata", "What the model takes and gives, by the Open Inference Protocol")},
            f"{model}/ready": {"get": _told("modelReady", "Whether the model is ready")},
            "/ping": {"get": _told("ping", "Whether the endpoint is ready")},
        },
        "components": {"schemas": schemas},
    }


def page(name: str, variants: Sequence[Variant]) -> str:
    """The same for readers, as one page of HTML that needs nothing else."""
    first = variants[0]
    example = json.dumps({"dataframe_records": [_example(first)]}, ensure_ascii=False)
    columns = [
        [one.name, one.type, one.dtype, ", ".join(map(str, (one.categories or [])[:12]))]
        for one in first.signature.columns
    ]
    tensors = openinference.metadata(name, [], first.signature, first.classes)
    outputs = [[one["name"], one["datatype"], json.dumps(one["shape"])] for one in tensors["outputs"]]
    served = [[one.name, one.label, f"{one.weight:g}"] for one in variants]
    quoted = example.replace("'", "'\\''")
    curl = f"curl -H 'Content-Type: application/json' -d '{quoted}' URL/invocations"
    parts = [
        f"<h1>{html.escape(name)}</h1><p>{html.escape(_summary(first))}</p>",
        "<h2>What it serves</h2>" + _table(["variant", "model", "weight"], served),
        "<h2>Columns</h2><p>Rows may have the source's other columns as well; a missing value is null, or an empty "
        "field of a CSV.</p>" + _table(["name", "type", "dtype", "seen in training"], columns),
        f"<h2>Predict</h2><p>POST /invocations takes {html.escape(', '.join(READ))} and answers as its Accept asks: "
        f"{html.escape(', '.join(answers.WRITTEN))}.</p><pre>{html.escape(curl)}</pre>",
        f"<h2>Open Inference Protocol</h2><p>POST /v2/models/{html.escape(name)}/infer, JSON or binary tensors: one "
        "input per column, or one with the whole matrix.</p>" + _table(["output", "datatype", "shape"], outputs),
        '<p><a href="openapi.json">openapi.json</a> is the same for programs.</p>',
    ]
    head = f'<meta charset="utf-8"><title>{html.escape(name)}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'


def _rows(variants: Sequence[Variant]) -> list[dict[str, Any]]:
    """The schema of a row of each variant, each once."""
    found: list[dict[str, Any]] = []
    for variant in variants:
        schema = {
            "type": "object",
            "required": [one.name for one in variant.signature.columns if not one.optional],
            "properties": {one.name: _column(one) for one in variant.signature.columns}
            | {name: {"description": "known, and ignored"} for name in variant.signature.others},
            "additionalProperties": False,
            "examples": [_example(variant)],
        }
        if schema not in found:
            found.append(schema)
    return found


def _column(column: SignatureColumn) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": [TYPES.get(column.type, "string"), "null"]}
    if column.type in FORMATS:
        schema["format"] = FORMATS[column.type]
    if column.categories:
        schema["examples"] = column.categories[:20]
    return schema


def _example(variant: Variant) -> dict[str, Any]:
    """A row of the sample that the model has kept, else one made up."""
    columns = variant.signature.columns
    if variant.runtime.sample:
        row = variant.runtime.sample[0]
        return {one.name: row.get(one.name) for one in columns}
    return {one.name: (one.categories or [EXAMPLES.get(one.type, "text")])[0] for one in columns}


def _request_schema(row: dict[str, Any]) -> dict[str, Any]:
    rows = {"type": "array", "minItems": 1, "items": row}
    lists = {"type": "array", "minItems": 1, "items": {"type": "array"}}
    split: dict[str, Any] = {"type": "object", "required": ["columns", "data"]}
    split["properties"] = {"columns": {"type": "array", "items": {"type": "string"}}, "data": lists, "index": {}}
    shapes = {
        "dataframe_records": rows,
        "dataframe_split": split,
        "instances": {"anyOf": [rows, lists]},
        "inputs": {"anyOf": [rows, lists, {"type": "object", "description": "a list for each column"}]},
    }
    return {
        "oneOf": [
            {"type": "object", "required": [name], "properties": {name: schema, "params": {"type": "object"}}}
            for name, schema in shapes.items()
        ]
    }


def _answer_schema(variant: Variant) -> dict[str, Any]:
    numbers = {"type": "array", "items": {"type": "number"}}
    properties: dict[str, Any] = {"predictions": {"type": "array"}}
    if variant.classes:
        properties["predictions"]["items"] = {"enum": variant.classes}
        properties["probabilities"] = {"type": "array", "items": numbers}
        properties["classes"] = {"const": variant.classes}
    if variant.signature.task == "anomaly":
        properties["scores"] = numbers
    return {"type": "object", "required": ["predictions"], "properties": properties | {"explanations": EXPLANATIONS}}


def _error_schema(field: str) -> dict[str, Any]:
    return {"type": "object", "required": [field], "properties": {field: {"type": "string"}}}


def _media(media: Sequence[str], schema: dict[str, Any], example: Any) -> dict[str, Any]:
    found: dict[str, Any] = {one: {} for one in media}
    found[answers.JSON] = {"schema": schema} | ({"example": example} if example else {})
    return found


def _parameters(variants: Sequence[Variant]) -> list[dict[str, Any]]:
    text = {"type": "string"}
    headers = {
        "X-Amzn-SageMaker-Target-Variant": ({"enum": [one.name for one in variants]}, "this variant answers"),
        "X-Amzn-SageMaker-Inference-Id": (text | {"maxLength": 64}, "comes back with the answer"),
        "X-Amzn-SageMaker-Enable-Explanations": ({"enum": ["`true`", "`false`"]}, "explanations of each row, in JSON"),
    }
    return [
        {"name": name, "in": "header", "schema": schema, "description": what}
        for name, (schema, what) in headers.items()
    ]


def _infer(path: str, variant: Variant) -> dict[str, Any]:
    tensor = {"type": "object", "required": ["name", "shape", "datatype"]}
    schema = {"type": "object", "required": ["inputs"], "properties": {"inputs": {"type": "array", "items": tensor}}}
    told = openinference.metadata(path.rpartition("/")[2], [], variant.signature, variant.classes)
    wrong = {"description": "what is wrong", "content": {answers.JSON: {"schema": _ref("OpenInferenceError")}}}
    outputs = ", ".join(f"{one['name']} ({one['datatype']})" for one in told["outputs"])
    return {
        "operationId": "infer",
        "summary": "Predict tensors, by the Open Inference Protocol",
        "description": "One input per column, or one that is the whole matrix.",
        "requestBody": {
            "required": True,
            "content": {answers.JSON: {"schema": schema}, "application/octet-stream": {}},
        },
        "responses": {"200": {"description": f"the outputs: {outputs}"}, "4XX": wrong, "5XX": wrong},
    }


def _told(operation: str, summary: str) -> dict[str, Any]:
    return {"operationId": operation, "summary": summary, "responses": {"200": {"description": "JSON"}}}


def _summary(variant: Variant) -> str:
    target = f" of {variant.signature.target}" if variant.signature.target else ""
    return f"{variant.signature.task or 'predictions'}{target} by {variant.label}"


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _table(names: list[str], rows: list[list[str]]) -> str:
    head = "".join(f"<th>{html.escape(one)}</th>" for one in names)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(one)}</td>" for one in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"
