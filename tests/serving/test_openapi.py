"""The OpenAPI document and the page: they say what the endpoint really takes and gives, and carry nothing foreign."""

import json
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import httpx
import msgspec
import pytest

from cupola.registry.models import Model
from cupola.serving import openapi
from cupola.serving.app import Application
from cupola.serving.guard import Guard
from cupola.serving.scoring import Variant

from .test_app import TOKEN, connect


@pytest.fixture
async def client(classifier: Model, regressor: Model) -> AsyncIterator[httpx.AsyncClient]:
    variants = [Variant("AllTraffic", "late@1-aaaa", 1.0, classifier), Variant("other", "late@2-bbbb", 0.0, regressor)]
    async with connect(Application(variants, Guard(lambda: TOKEN), {"version": "0.1", "endpoint": "flights"})) as one:
        yield one


async def test_the_document_has_the_models_own_schema(client: httpx.AsyncClient) -> None:
    response = await client.get("/openapi.json")
    assert response.headers["content-type"] == "application/json"
    document = response.json()
    assert document["openapi"] == "3.1.0" and document["info"]["title"] == "flights"
    assert "late@1-aaaa" in document["info"]["version"]
    row = document["components"]["schemas"]["Row"]
    assert row["required"] == ["distance", "hour", "carrier", "wet"]
    assert [row["properties"][name]["type"] for name in row["required"]] == [
        ["number", "null"],
        ["integer", "null"],
        ["string", "null"],
        ["boolean", "null"],
    ]
    assert {"tail", "late"} <= row["properties"].keys()
    answer = document["components"]["schemas"]["Answer"]
    assert answer["properties"]["classes"] == {"const": ["no", "yes"]}
    names = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert names <= document["components"]["schemas"].keys()
    variant = document["paths"]["/invocations"]["post"]["parameters"][0]
    assert variant["schema"] == {"enum": ["AllTraffic", "other"]}


async def test_its_examples_and_paths_are_answered(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    content = document["paths"]["/invocations"]["post"]["requestBody"]["content"]
    answer = await client.post("/invocations", json=content["application/json"]["example"])
    assert answer.status_code == 200, answer.text
    schema = document["components"]["schemas"]["Answer"]
    assert answer.json().keys() == schema["properties"].keys() - {"explanations"}
    for path, methods in document["paths"].items():
        if "get" in methods:
            assert (await client.get(path)).status_code == 200, path
    for media in document["paths"]["/invocations"]["post"]["responses"]["200"]["content"]:
        given = await client.post(
            "/invocations", json=content["application/json"]["example"], headers={"Accept": media}
        )
        assert (given.status_code, given.headers["content-type"]) == (200, media)


class Page(HTMLParser):
    """Collects what a page would run or load, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


async def test_the_page_is_complete_in_itself(client: httpx.AsyncClient) -> None:
    response = await client.get("/docs")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    page = Page()
    page.feed(response.text)
    assert page.links == ["openapi.json"] and not page.tags & {"script", "img", "link", "iframe"}
    assert all(text in page.text for text in ("flights", "late@1-aaaa", "carrier", "category", "predict_proba"))
    assert (await client.post("/docs")).status_code == 405


def test_names_from_the_data_are_text_on_the_page(classifier: Model) -> None:
    changed = msgspec.json.decode(msgspec.json.encode(classifier.signature), type=type(classifier.signature))
    changed.columns[0].name = "<script>alert('x')</script>"
    changed.columns[2].categories = ["<b>", "it's"]
    changed.target = "<img src=x>"
    variant = Variant("AllTraffic", "late@1", 1.0, Model(classifier.pipeline, changed, []))
    page = Page()
    text = openapi.page("e", [variant])
    page.feed(text)
    assert not page.tags & {"script", "img", "b"}
    assert "<script>alert('x')</script>" in page.text and "<img src=x>" in page.text
    assert "openapi" in openapi.document("e", [variant])
