"""What nobody should be able to do any harm with: bodies and paths for HTTP, texts for every field of every record."""

import copy
import gzip
import json
import shutil
from pathlib import Path
from typing import Any

from cupola.store.names import new_id

HERE = Path(__file__).parents[1]
TEXTS: list[str] = [case["value"] for case in json.loads((HERE / "commands" / "bad_texts.json").read_text())]
NAMES: list[str] = [
    case["value"]
    for case in json.loads((HERE / "store" / "bad_names.json").read_text())
    if case["expect"].startswith("refused")
]

LIMIT = 25 << 20
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "blank": b" \n",
    "half": b'{"inputs": [[1',
    "comma at the end": b'{"inputs": [[1, 2,]]}',
    "no object": b"[]",
    "null": b"null",
    "a number": b"1",
    "a text": b'"x"',
    "NaN": b'{"inputs": [[NaN, "UA"]]}',
    "infinite": b'{"inputs": [[-Infinity, "UA"]]}',
    "beyond floats": b'{"inputs": [[1e400, "UA"]]}',
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a key twice": b'{"inputs": [[1, "UA"]], "inputs": [[2, "UA"]]}',
    "NUL": b'{"\\u0000": 1}',
    "half a character": b'{"inputs": [[1, "\\ud800"]]}',
    "a mark before it": b"\xef\xbb\xbf{}",
    "no UTF-8": b'{"inputs": [[1, "\xff"]]}',
    "no rows": b'{"inputs": []}',
    "an empty row": b'{"inputs": [[]]}',
    "rows that are texts": b'{"inputs": "x"}',
    "mixed": b'{"inputs": [[1, "x", null, true]]}',
    "a column too few": b'{"dataframe_split": {"columns": ["distance"], "data": [[1]]}}',
    "a column twice": b'{"dataframe_split": {"columns": ["distance", "distance"], "data": [[1, 2]]}}',
    "columns and no data": b'{"dataframe_split": {"columns": ["distance", "carrier"]}}',
    "rows that differ": b'{"dataframe_records": [{"distance": 1, "carrier": "UA"}, {"x": 1}]}',
    "a class": b'{"__class__": "os.system", "args": ["touch owned"]}',
    "a pickle's object": b'{"py/object": "os.system"}',
    "a pickle": b"\x80\x04\x95\x1c\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
    "a shape that lies": b'{"inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1]}]}',
    "a size that lies": b'{"inputs": [{"name": "x", "shape": [-1], "parameters": {"binary_data_size": 999999999}}]}',
    "one long text": b'{"a": "' + b"x" * (1 << 20) + b'"}',
    "too large": b'{"inputs": [[' + b"1," * (LIMIT // 2) + b"1]]}",
    "too large when unpacked": gzip.compress(b"0" * (LIMIT * 4), 1),
}

_UP = ("/..", "/%2e%2e", "/%252e%252e", "/....//", "/..%5c", "/..%c0%af", "/.%00.", "/%ef%bc%8e%ef%bc%8e", "/x/../..")
PATHS: list[str] = [
    *(f"{up * 4}/etc/passwd" for up in _UP),
    *("//etc/passwd", "/%00", "/.cupola/", "/.ssh/id_rsa", "/proc/self/environ", "/workspace.toml", "/%2fetc%2fpasswd"),
    *(f"/?path={value}" for value in ("../../etc/passwd", "/etc/passwd", "..%252fetc%252fpasswd", "C:%5C")),
    *(f"/?uri={value}" for value in ("http://169.254.169.254/latest/", "file:///%2e%2e/etc", "s3://x/../../")),
]


def spoil(root: Path) -> None:
    """A copy of each record for each text, with the text wherever a text may stand, as an editor could have written it.

    Names of directories that are no names lie among them.
    """
    run = next(one for one in (root / "experiments/default").iterdir())
    job = next(one for one in (root / "jobs").glob("*/*"))
    data = next((root / "datasets/flights").glob("1-*"))
    model = next((root / "models/late").glob("1-*"))
    said = root / ".cupola/notes/models/desk-eve-aaaaaa.jsonl"
    said.parent.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(TEXTS):
        id = new_id()
        _copy(run, root / f"experiments/default/{id}", text, {"id": id, "params": {text: text}, "metrics": {text: 0.5}})
        _copy(job, root / f"jobs/{job.parent.name}/{id}", text, {"id": id, "code": None})
        _copy(data, root / f"datasets/d{number}/{data.name}", text, {"dataset": f"d{number}", "settings": {}})
        _copy(model, root / f"models/m{number}/{model.name}", text, {"name": f"m{number}"})
        quoted = json.dumps(text[:2000])
        (root / f"datasets/d{number}/dataset.toml").write_text(f"description = {quoted}\ntags = [{quoted}]\n")
        entry = {"seq": number + 1, "clock": number + 1, "time": "2026-11-29T10:00:00.000000Z"}
        entry["ref"] = f"late@{model.name}"
        for op in ("comment", "tag"):
            with said.open("a") as file:
                file.write(json.dumps(entry | {"op": op, "value": text, "user": text, "host": text}) + "\n")
    for name in (b"\x1b[2Jx", b"\xff\xfe", b"a\nb", b"[bold]x", "\x9b2J".encode(), "\u202egnp".encode()):
        for kind in ("datasets", "models", "endpoints", "experiments/default", ".cupola/notes"):
            (root / kind / name.decode("utf-8", "surrogateescape")).mkdir()


KEPT = {
    *("id", "format", "revision", "version", "status", "secondary_status", "kind", "type", "role", "storage", "sha256"),
    *(
        "data_sha256",
        "submitted",
        "started",
        "ended",
        "imported",
        "registered",
        "experiment",
        "seq",
        "run",
        "job",
        "op",
    ),
}


def _spoiled(value: Any, text: str) -> Any:
    if isinstance(value, dict):
        return {key: one if key in KEPT else _spoiled(one, text) for key, one in value.items()}
    if isinstance(value, list):
        return [_spoiled(one, text) for one in value]
    return text if isinstance(value, str) else value


def _copy(source: Path, target: Path, text: str, fields: dict[str, Any]) -> None:
    shutil.copytree(source, target)
    for path in target.rglob("*"):
        if path.suffix == ".json":
            record = _spoiled(json.loads(path.read_bytes()), text)
            if path.parent == target and path.name in ("run.json", "job.json", "version.json"):
                record |= copy.deepcopy(fields)
            path.write_text(json.dumps(record))
        elif path.name == "log.txt":
            path.write_bytes(b"before\n" + text.encode("utf-8", "surrogatepass") + b"\nafter\n")
        elif path.suffix == ".jsonl":
            lines = [_spoiled(json.loads(line), text) for line in path.read_bytes().splitlines()]
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
