"""What MLflow's own server answered its own client, recorded, is what a workspace answers.

recorded.jsonl.gz holds what passed between the client of MLflow 3.17.2, running script.py, and `mlflow server` on
SQLite: lines of [method, path, body, status, answer], bodies in base64 (pictures cut short). Each request is sent
again; ids of ours stand in for those that the server had given.
"""

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from .conftest import FILES, Client

RECORDED = Path(__file__).with_name("recorded.jsonl.gz")
MOMENT = re.compile("(creation|last_update|last_updated)_time(stamp)?(_ms)?$")
IDS = ("experiment_id", "run_id", "run_uuid", "model_id", "run_name")  # a server makes up names too
UNORDERED = ("tags", "params", "metrics", "aliases", "files")
FOLDER = re.compile("(mlflow-artifacts:/|artifacts/|path=)([0-9]+)(?=/|%2F|$)")


class Known:
    """Which of our ids stands for which of the recorded ones."""

    def __init__(self) -> None:
        self.ours: dict[str, str] = {"0": "0"}

    def learn(self, recorded: Any, ours: Any) -> None:
        if isinstance(recorded, dict) and isinstance(ours, dict):
            for key, value in recorded.items():
                if key in IDS and isinstance(value, str) and isinstance(ours.get(key), str):
                    self.ours.setdefault(value, ours[key])
                else:
                    self.learn(value, ours.get(key))
        elif isinstance(recorded, list) and isinstance(ours, list):
            for one, other in zip(recorded, ours, strict=False):
                self.learn(one, other)

    def put(self, text: str) -> str:
        """A recorded request with our ids. Experiments have short numbers there, which stand in some places only."""
        for id, own in self.ours.items():
            if len(id) > 8:
                text = text.replace(id, own)
        text = FOLDER.sub(lambda found: found[1] + self.ours.get(found[2], found[2]), text)
        number = re.compile(r'(experiment_ids?(?:": (?:\[)?"|=))([0-9]+)(?="|&|$)')
        text = number.sub(lambda found: found[1] + self.ours.get(found[2], found[2]), text)
        return re.sub(r'", "([0-9]+)"\], "', lambda found: f'", "{self.ours.get(found[1], found[1])}"], "', text)

    def plain(self, value: Any, key: str = "", ordered: bool = True) -> Any:
        """A recorded answer with our ids, or one of ours, without what a server makes up."""
        if isinstance(value, dict):
            return {name: "T" if MOMENT.search(name) else self.plain(one, name, ordered) for name, one in value.items()}
        if isinstance(value, list):
            found = [self.plain(one, "", ordered) for one in value]
            return sorted(found, key=json.dumps) if key in UNORDERED or not ordered else found
        if isinstance(value, str):
            return self.ours.get(value, value) if key in IDS else self.put(value)
        return value


async def test_each_request_is_answered_as_it_was(client: Client) -> None:
    known = Known()
    count = 0
    for line in gzip.decompress(RECORDED.read_bytes()).splitlines():
        method, path, body, status, answer = json.loads(line)
        given, wanted = base64.b64decode(body), base64.b64decode(answer)
        is_file = path.startswith(f"{FILES}/")
        sent = given if is_file else known.put(given.decode()).encode()
        got = await client.http.request(method, known.put(path), content=sent)
        what = f"{method} {unquote(path)} {'' if is_file else given.decode()}"
        assert got.status_code == status, f"{what}: {got.text}"
        count += 1
        if is_file and method == "GET":
            assert got.content == wanted, what
        elif path.endswith("/server-info") or is_file:
            continue
        elif "get-download-uri" in path:  # a version of ours has files of its own
            listed = await client.http.get(FILES, params={"path": got.json()["artifact_uri"].partition(":/")[2]})
            assert "MLmodel" in {one["path"] for one in listed.json()["files"]}
        else:
            recorded = json.loads(wanted)
            if status != 200:
                assert got.json()["error_code"] == recorded["error_code"], what
                continue
            ours = got.json()
            known.learn(recorded, ours)
            ordered = not path.endswith("/search") or b"order_by" in given
            assert known.plain(ours, ordered=ordered) == known.plain(recorded, ordered=ordered), what
    assert count > 250
