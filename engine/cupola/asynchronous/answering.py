"""The work on one request: from its place in the queue to an answer that is decided, published and told of.

Each step may be the last before a kill. What is decided is the file answered/KEY.json, which can be made only once;
whoever comes later finds it, and does what was left: puts the draft in its place, leaves a notice, clears the queue.
"""

import os
import random
import tempfile
import time
from collections.abc import Callable

import msgspec

from cupola.asynchronous import pieces, records
from cupola.asynchronous.asking import Died, Late, Line, NotServed
from cupola.asynchronous.draft import Draft, Room, publish
from cupola.asynchronous.records import COMPLETED, FAILED, Accepted, Answered
from cupola.errors import BadInput, CupolaError, DiskFull, NotFound
from cupola.registry import records as registry
from cupola.serving.records import local_path
from cupola.serving.status import EndpointStatus, VariantState
from cupola.store import Store, files, names
from cupola.store.paths import open_file
from cupola.store.trouble import disk

PREFIX = "x-amzn-"
VARIANT = f"{PREFIX}invoked-production-variant"
TARGET = f"{PREFIX}sagemaker-target-variant"
ATTRIBUTES = f"{PREFIX}sagemaker-custom-attributes"

DEATHS = 3  # of the worker, after which a request that it had in hand is not tried again
NOT_THERE = b"the endpoint has no variant"  # as a server says it
PAUSE = 0.2


class Failed(Exception):
    """The request cannot be answered; `status` as a server would give it (0: none did)."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Left(Exception):
    """The work on a request was given up before its end; it stays in the queue."""


class Work:
    """One request of one endpoint. room: how a full disk is waited for. deaths: workers that died over it before."""

    def __init__(self, store: Store, endpoint: str, key: str, line: Line, room: Room, deaths: int = 0) -> None:
        self._store, self._endpoint, self._key = store, endpoint, key
        self._line, self._room, self._deaths = line, room, deaths

    def do(self, notify: bool) -> Answered | None:
        """Answers the request, or does what was left to do for it; None when it is not there any more. Raises Left."""
        decided = records.outcome(self._store, self._endpoint, self._key)
        if decided is None:
            try:
                asked = records.waiting(self._store, self._endpoint, self._key)
            except NotFound:
                return None
            decided = self._answered(asked)
        self._room(lambda: self._complete(decided, notify))
        return decided

    def _complete(self, decided: Answered, notify: bool) -> None:
        publish(self._store, decided.draft, decided.output if decided.status == COMPLETED else decided.failure)
        if notify:
            notice = msgspec.json.encode(decided)
            files.write_bytes(self._store, f"{records.notices(self._endpoint)}/{self._key}.json", notice)
        files.remove(self._store, records.queue_path(self._endpoint, self._key))

    def _answered(self, asked: Accepted) -> Answered:
        begun = time.monotonic()
        draft = Draft(self._store, self._endpoint, self._key, self._room)
        keep = False
        try:
            found = self._outcome(asked, draft, begun)
            draft.settle()
            mine: list[bool] = []
            path = records.answered_path(self._endpoint, self._key)
            self._room(lambda: mine.append(files.create_bytes(self._store, path, msgspec.json.encode(found))))
            keep = mine[-1]
        finally:
            draft.close(keep)
        return found if keep else records.outcome(self._store, self._endpoint, self._key) or found

    def _outcome(self, asked: Accepted, draft: Draft, begun: float) -> Answered:
        found = Answered(
            key=self._key,
            inference_id=asked.inference_id,
            status=COMPLETED,
            accepted=asked.accepted,
            answered="",
            seconds=0.0,
            input=asked.input,
            output=asked.output,
            failure=asked.failure,
            size=0,
            draft=draft.path,
            asked=asked.asked,
            host=names.host(),
        )
        try:
            waited = records.age(asked.accepted)
            if waited > asked.ttl:
                raise Failed(f"it has waited for {waited:.0f} s, and was to be answered within {asked.ttl} s")
            if self._deaths >= DEATHS:
                raise Failed(f"the worker of the queue has died {self._deaths} times with this request in hand", 500)
            self._predict(asked, draft, found, begun + asked.timeout)
        except Failed as error:
            found.status, found.reason, found.content_type = FAILED, str(error), pieces.JSON
            said = {"Message": str(error), "InferenceId": asked.inference_id}
            draft.clear()
            draft.write(msgspec.json.encode(said | ({"OriginalStatusCode": error.status} if error.status else {})))
        found.size, found.answered = draft.size, names.now()
        found.seconds = round(time.monotonic() - begun, 3)
        return found

    def _predict(self, asked: Accepted, draft: Draft, found: Answered, deadline: float) -> None:
        """Fills the draft; anew, when the model that answered is no longer there for the next piece.

        Raises Failed, Left.
        """
        source = self._source(asked)
        try:
            while not self._pieces(asked, source, draft, found, deadline):
                draft.clear()
                time.sleep(PAUSE)
        except BadInput as error:
            raise Failed(str(error), 400) from error
        except Late:
            raise Failed(f"there was no answer within {asked.timeout} s") from None
        except Died:
            raise Failed("the server processes that worked on it have died, one after the other", 500) from None
        except NotServed:
            raise Left from None
        finally:
            os.close(source)

    def _pieces(self, asked: Accepted, source: int, draft: Draft, found: Answered, deadline: float) -> bool:
        """Answers piece by piece, all by one model; False when that is gone."""
        answer = pieces.Answer(draft)
        headers = dict(asked.headers)
        variant = self._drawn(headers.get(TARGET))
        signature = registry.find(self._store, variant.model).signature
        count = 0
        try:
            for piece in pieces.cut(source, headers["content-type"], signature):
                if piece.part:
                    headers[TARGET] = f"{variant.name}={variant.model}"
                count += 1
                reply = self._line.ask(headers, piece.body, deadline)
                if reply.status == 400 and piece.part and NOT_THERE in reply.body:
                    return False
                if reply.status != 200:
                    raise Failed(pieces.place(source, piece) + _message(reply.body), reply.status)
                answer.add(reply.headers.get("content-type", ""), reply.body)
                found.variant = reply.headers.get(VARIANT, "")
                found.attributes = reply.headers.get(ATTRIBUTES, "")
            answer.end()
        finally:
            answer.close()
        if not count:
            raise Failed("the payload holds no row", 400)
        found.content_type = answer.media
        return True

    def _source(self, asked: Accepted) -> int:
        """The payload, as a file that is open. Raises Failed, Left when the disk does not say."""
        if asked.input is None:
            held = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  its descriptor is what is wanted
            with held:
                held.write(asked.body or b"")
                return os.dup(held.fileno())
        try:
            with disk(asked.input):
                return open_file(self._store, asked.input)
        except NotFound:
            raise Failed(f"the input {asked.input} is gone", 400) from None
        except CupolaError as error:
            raise Failed(f"the input cannot be read: {error}", 400) from error

    def _drawn(self, wanted: str | None) -> VariantState:
        """One of the variants that are served at this moment, by their weights. Raises Left while there is none."""
        path = local_path(self._store, self._endpoint, "json")
        try:
            with open(path, "rb") as file:  # noqa: PTH123
                served = msgspec.json.decode(file.read(), type=EndpointStatus).variants
        except (FileNotFoundError, msgspec.MsgspecError):
            raise Left from None
        able = [one for one in served if not one.shadow and wanted in (None, one.name)] or served
        if not able:
            raise Left
        return random.choices(able, [one.weight or 1e-9 for one in able])[0]


def _message(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body)["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return body.decode(errors="replace")[:1000]


def patient(stopping: Callable[[], bool], tell: Callable[[str | None], None]) -> Room:
    """Waits for room on a full disk, telling why; gives up with Left when it is to stop."""

    def room(do: Callable[[], None]) -> None:
        while True:
            try:
                do()
                tell(None)
                return
            except DiskFull as error:
                tell(str(error))
            if stopping():
                raise Left
            time.sleep(1.0)

    return room
