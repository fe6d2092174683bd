"""What MLflow's clients send and get: requests as structs, answers as the JSON of its protocol, errors in its shape.

Source: the messages of service.proto, model_registry.proto and mlflow_artifacts.proto of MLflow 3.17, and what its
server answers (`SqlAlchemyStore`). int64 come as numbers or as texts; what is no finite number as a text.
"""

import base64
import binascii
import math
from typing import Annotated, Any, TypeVar

import msgspec

from cupola.errors import BadInput, BadName, BadOption, Conflict, CupolaError, NotFound, ReadOnly, Refused

STATUS = {
    "INTERNAL_ERROR": 500, "INVALID_STATE": 500, "NOT_IMPLEMENTED": 501, "TEMPORARILY_UNAVAILABLE": 503,
    "RESOURCE_CONFLICT": 409, "ENDPOINT_NOT_FOUND": 404, "RESOURCE_DOES_NOT_EXIST": 404, "PERMISSION_DENIED": 403,
    "UNAUTHENTICATED": 401, "BAD_REQUEST": 400, "RESOURCE_ALREADY_EXISTS": 400, "INVALID_PARAMETER_VALUE": 400,
}  # fmt: skip
INVALID, MISSING, EXISTS = "INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS"
LARGEST = 1.7976931348623157e308  # what MLflow's database has instead of infinity

Json = dict[str, Any]
Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]  # int64
T = TypeVar("T")


class Trouble(Exception):
    """An answer that is an error: MLflow's code for it, and one sentence."""

    def __init__(self, message: str, code: str = INVALID) -> None:
        super().__init__(message)
        self.code, self.message = code, message

    @property
    def status(self) -> int:
        return STATUS[self.code]


class Pair(msgspec.Struct):
    """A tag or a parameter."""

    key: str = ""
    value: str = ""


def of_error(error: CupolaError) -> Trouble:
    """An error of Cupola's as MLflow would put it."""
    codes = {
        NotFound: MISSING, Refused: "PERMISSION_DENIED", ReadOnly: "PERMISSION_DENIED", Conflict: "RESOURCE_CONFLICT",
        BadName: INVALID, BadInput: INVALID, BadOption: INVALID,
    }  # fmt: skip
    code = next((code for kind, code in codes.items() if isinstance(error, kind)), "INTERNAL_ERROR")
    return Trouble(str(error), code)


def body(data: bytes, kind: type[T]) -> T:
    """A request's JSON. Raises Trouble."""
    try:
        return msgspec.json.decode(data or b"{}", type=kind, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Trouble(f"this request cannot be understood: {error}") from None


def query(pairs: list[tuple[str, str]], kind: type[T]) -> T:
    """A request's query as the same struct. Raises Trouble."""
    repeated = {one.encode_name for one in msgspec.structs.fields(kind) if "list[" in str(one.type)}  # type: ignore[arg-type]
    found: Json = {}
    for name, value in pairs:
        if name in repeated:
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    try:
        return msgspec.convert(found, type=kind, strict=False)
    except msgspec.MsgspecError as error:
        raise Trouble(f"this request cannot be understood: {error}") from None


def required(name: str, value: str | None) -> str:
    """A parameter that has to be there. Raises Trouble in MLflow's words."""
    if not value:
        raise Trouble(f"Missing value for required parameter '{name}'. See the API docs for more information.")
    return value


def number(value: float | str | None, name: str = "value") -> float:
    """A metric's value: a number, or the text of one. Raises Trouble."""
    try:
        if value is None or isinstance(value, bool):
            raise ValueError
        return float(value)
    except ValueError:
        said = "Please specify value as a valid double (64-bit floating point)"
        raise Trouble(f"Invalid value {value!a} for parameter '{name}' supplied: {said}") from None


def metric(key: str, value: float | str, timestamp: int, step: int, **more: Any) -> Json:
    """A metric of an answer."""
    exact = float(value)
    shown: float | str = exact
    if not math.isfinite(exact):
        shown = "NaN" if exact != exact else math.copysign(LARGEST, exact)
    return {"key": key, "value": shown, "timestamp": timestamp, "step": step, **more}


def pairs(values: dict[str, str]) -> list[Json]:
    """Tags or parameters of an answer."""
    return [{"key": key, "value": value} for key, value in values.items()]


def without_empty(answer: Json) -> Json:
    """An answer without what protobuf would leave out."""
    return {name: value for name, value in answer.items() if value is not None and value != [] and value != {}}


def page(found: list[T], token: str, most: int) -> tuple[list[T], str | None]:
    """One page of a list, and the token of the next. Raises Trouble for a token that is none."""
    begin = 0
    if token:
        try:
            begin = int(msgspec.json.decode(base64.b64decode(token, validate=True))["offset"])
        except (binascii.Error, ValueError, msgspec.MsgspecError, KeyError, TypeError):
            raise Trouble(f"Invalid page token, decoded value={token[:60]!a}") from None
        if begin < 0:
            raise Trouble(f"Invalid page token, offset={begin}")
    end = begin + most
    more = base64.b64encode(b'{"offset": %d}' % end).decode() if end < len(found) else None
    return found[begin:end], more


def limit(given: int | None, default: int, most: int) -> int:
    """How many results there are to be. Raises Trouble in MLflow's words."""
    wanted = default if given is None else given
    if wanted < 1 or wanted > most:
        raise Trouble(f"Invalid value {wanted} for parameter 'max_results' supplied: it must be 1 to {most}")
    return wanted
