"""Sessions: who opens one is answered by the same variant from then on, by any server process."""

import re
import time

import httpx
import pytest

from cupola.errors import BadInput
from cupola.registry.models import Model
from cupola.serving import sessions
from cupola.serving.app import Application
from cupola.serving.guard import Guard
from cupola.serving.scoring import Variant

from .test_app import GOOD, TOKEN, connect, post

SESSION = "X-Amzn-SageMaker-Session-Id"
KEYS = ["a=late@1-aaaa", "b=late@2-bbbb"]
BOTOCORE = re.compile(  # NewSessionResponseHeader in its model of the service
    rb"[a-zA-Z0-9](-*[a-zA-Z0-9])*;\sExpires=[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"
)


def test_an_id_names_its_variant() -> None:
    for key in KEYS:
        given = sessions.opened(key)
        assert BOTOCORE.fullmatch(given) and len(given) <= 256
        session = given.partition(b";")[0]
        assert sessions.key_of(session, KEYS) == key
        assert sessions.key_of(session, ["other"]) is None


@pytest.mark.parametrize("session", [b"", b"x", b"a-b-c", b"0" * 16 + b"-" + b"0" * 16 + b"-" + b"f" * 400])
def test_what_is_no_session_is_refused(session: bytes) -> None:
    with pytest.raises(BadInput, match="no such session"):
        sessions.key_of(session, KEYS)


def test_a_session_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    session = sessions.opened(KEYS[0]).partition(b";")[0]
    later = time.time() + sessions.LIFE + 5
    monkeypatch.setattr("cupola.serving.sessions.time.time", lambda: later)
    with pytest.raises(BadInput, match="it is over"):
        sessions.key_of(session, KEYS)


async def test_the_same_variant_answers(classifier: Model, regressor: Model) -> None:
    def application() -> Application:
        both = [Variant("a", "late@1-aaaa", 1.0, classifier), Variant("b", "late@2-bbbb", 1.0, regressor)]
        return Application(both, Guard(lambda: TOKEN), {})

    async def variant(client: httpx.AsyncClient, **headers: str) -> httpx.Response:
        answer = await post(client, {"dataframe_records": [GOOD]}, **headers)
        assert answer.status_code == 200, answer.text
        return answer

    async with connect(application()) as one, connect(application()) as other:
        opened = await variant(one, **{SESSION: "NEW_SESSION"})
        session = opened.headers["X-Amzn-SageMaker-New-Session-Id"].partition(";")[0]
        mine = opened.headers["x-amzn-invoked-production-variant"]
        for client in (one, other):
            answers = [await variant(client, **{SESSION: session}) for _ in range(20)]
            assert {each.headers["x-amzn-invoked-production-variant"] for each in answers} == {mine}
            assert "X-Amzn-SageMaker-New-Session-Id" not in answers[0].headers
        wrong = await post(one, {"dataframe_records": [GOOD]}, **{SESSION: "nothing"})
        assert wrong.status_code == 400 and "NEW_SESSION opens one" in wrong.json()["message"]
