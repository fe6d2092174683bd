"""The Open Inference Protocol, version 2: its messages, in JSON and with binary tensors.

https://github.com/kserve/open-inference-protocol, and the binary tensor extension of Triton's server: the JSON, of the
length that the header Inference-Header-Content-Length names, and behind it the raw tensors in the order in which they
stand there.
"""

import math
from typing import Any

import msgspec

from cupola.errors import BadInput
from cupola.registry.models import Prediction
from cupola.registry.signature import Signature, SignatureColumn
from cupola.runtimes.tables import Table
from cupola.serving import tensors
from cupola.serving.http import Header
from cupola.serving.payloads import CELLS, WIDEST, TooLarge, not_json, refuse_too_many, unknown

LENGTH = b"inference-header-content-length"
EXTENSIONS = ["binary_tensor_data"]
PREDICT, PROBABILITIES, SCORES = "predict", "predict_proba", "scores"
COLUMN_TYPES = {"int": "INT64", "uint": "INT64", "float": "FP64", "bool": "BOOL"} | {
    "boolean": "BOOL", "integer": "INT64", "number": "FP64",
}  # fmt: skip
TASK_TYPES = {"regression": "FP64", "clustering": "INT64", "anomaly": "INT64"}


class Tensor(msgspec.Struct):
    """One input of a request: its data stand in it, or behind the JSON."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] = {}
    data: Any = None


class Wanted(msgspec.Struct):
    """One output that a request asks for."""

    name: str
    parameters: dict[str, Any] = {}


class Request(msgspec.Struct):
    """A request for inference."""

    inputs: list[Tensor]
    id: str | None = None
    parameters: dict[str, Any] = {}
    outputs: list[Wanted] | None = None


class Input(msgspec.Struct, frozen=True):
    """An input with its elements, flat and in row-major order."""

    name: str
    shape: list[int]
    elements: list[Any]


_request = msgspec.json.Decoder(Request)


def read(body: bytes, length: bytes | None) -> tuple[Request, list[Input]]:
    """A request and its inputs. length: the header that says how long the JSON before binary tensors is.

    Raises BadInput.
    """
    end = len(body)
    if length is not None:
        end = int(length) if length.isdigit() and len(length) < 12 else -1
        if not 0 < end <= len(body):
            raise BadInput("Inference-Header-Content-Length is not the length of a JSON header within the body")
    refuse_too_many(body[:end])
    try:
        request = _request.decode(body[:end])
    except msgspec.ValidationError as error:
        raise unknown("the body", error, "a request for inference") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise not_json("the body", error, body[:end]) from error
    except RecursionError:
        raise BadInput("the body is nested too deeply") from None
    found = []
    rest = memoryview(body)[end:]
    for tensor in request.inputs:
        elements, rest = _elements(tensor, rest)
        found.append(Input(tensor.name, tensor.shape, elements))
    if rest:
        raise BadInput(f"{len(rest):,} bytes behind the JSON belong to no input; say binary_data_size of each")
    return request, found


def known(signature: Signature) -> frozenset[str]:
    """The names of columns that an input may have; one of another name is the whole matrix."""
    return frozenset([*signature.source, *signature.others, *(one.name for one in signature.columns)])


def table(inputs: list[Input], known: frozenset[str]) -> Table:
    """The rows of a request: an input per column of the model, or one that is the whole matrix, as their names tell.

    Raises BadInput.
    """
    if not inputs:
        raise BadInput("the request has no input")
    names = [one.name for one in inputs]
    if len(set(names)) != len(names):
        raise BadInput(f"the input {next(name for name in names if names.count(name) > 1)!r} is there twice")
    if len(inputs) == 1 and names[0] not in known and len(inputs[0].shape) == 2:
        rows, width = inputs[0].shape
        return Table(None, [inputs[0].elements[place::width] for place in range(width)], rows)
    for one in inputs:
        if one.shape[1:] not in ([], [1]):
            raise BadInput(f"the input {one.name!r} has the shape {one.shape} where a column has [rows] or [rows, 1]")
    rows = inputs[0].shape[0]
    for one in inputs:
        if one.shape[0] != rows:
            raise BadInput(f"the input {one.name!r} has {one.shape[0]} rows where {names[0]!r} has {rows}")
    return Table(names, [one.elements for one in inputs], rows)


def write(prediction: Prediction, request: Request, model: str, version: str) -> tuple[list[Header], bytes]:
    """The answer to a request, and the headers that go with it. Raises BadInput for an output that it has not."""
    arrays = {PREDICT: prediction.values, PROBABILITIES: prediction.probabilities, SCORES: prediction.scores}
    arrays = {name: array for name, array in arrays.items() if array is not None}
    binary = request.parameters.get("binary_data_output") is True
    outputs, raw = [], []
    for wanted in request.outputs or [Wanted(name) for name in arrays]:
        if wanted.name not in arrays:
            raise BadInput(f"the model has no output {wanted.name[:100]!r}; it has {', '.join(arrays)}")
        if wanted.parameters.get("classification"):
            raise BadInput(f"{wanted.name} is not given as classes; {PROBABILITIES} has the probability of each")
        array = arrays[wanted.name]
        datatype = tensors.datatype_of(array)
        output: dict[str, Any] = {"name": wanted.name, "datatype": datatype, "shape": list(array.shape)}
        if wanted.parameters.get("binary_data", binary) is True:
            raw.append(tensors.to_bytes(array, datatype))
            output["parameters"] = {"binary_data_size": len(raw[-1])}
        else:
            output["data"] = tensors.to_json(array, datatype)
        outputs.append(output)
    answer: dict[str, Any] = {"model_name": model, "model_version": version, "outputs": outputs}
    if request.id is not None:
        answer["id"] = request.id
    head = msgspec.json.encode(answer)
    if not raw:
        return [(b"content-type", b"application/json")], head
    headers = [(b"content-type", b"application/octet-stream"), (LENGTH, str(len(head)).encode())]
    return headers, b"".join([head, *raw])


def metadata(model: str, versions: list[str], signature: Signature, classes: list[Any] | None) -> dict[str, Any]:
    """What the protocol says of a model: an input per column, and the outputs; -1 is the number of rows."""
    values = tensors.datatype_of(classes) if classes else TASK_TYPES.get(signature.task, "FP64")
    outputs = [{"name": PREDICT, "datatype": values, "shape": [-1]}]
    if classes:
        outputs.append({"name": PROBABILITIES, "datatype": "FP64", "shape": [-1, len(classes)]})
    if signature.task == "anomaly":
        outputs.append({"name": SCORES, "datatype": "FP64", "shape": [-1]})
    return {
        "name": model,
        "versions": versions,
        "platform": "cupola",
        "inputs": [{"name": one.name, "datatype": _datatype(one), "shape": [-1]} for one in signature.columns],
        "outputs": outputs,
    }


def _datatype(column: SignatureColumn) -> str:
    kind = column.dtype.rstrip("0123456789")
    return COLUMN_TYPES.get(kind) or COLUMN_TYPES.get(column.type, "BYTES")


def _elements(tensor: Tensor, rest: memoryview) -> tuple[list[Any], memoryview]:
    """The elements of an input, and what is left of the bytes behind the JSON."""
    what = f"the input {tensor.name[:100]!r}"
    if tensor.datatype not in tensors.DTYPES:
        raise BadInput(f"{what} has the datatype {tensor.datatype[:20]!r}; there are {', '.join(tensors.DTYPES)}")
    if len(tensor.shape) not in (1, 2) or min(tensor.shape) < 1:
        shown = str(tensor.shape)[:60]
        raise BadInput(f"{what} has the shape {shown}; send [rows], [rows, 1] or [rows, columns], of one row or more")
    if math.prod(tensor.shape) > CELLS or (tensor.shape[1:] and tensor.shape[1] > WIDEST):
        raise TooLarge(f"{what} is too large; there may be {WIDEST:,} columns, and {CELLS:,} values a request")
    size = tensor.parameters.get("binary_data_size")
    if size is None:
        return tensors.from_json(tensor.data, tensor.shape, tensor.datatype, what), rest
    if type(size) is not int or not 0 <= size <= len(rest):
        raise BadInput(f"{what}: its binary_data_size is {str(size)[:30]} where {len(rest):,} bytes are left")
    found = tensors.from_bytes(rest[:size], tensor.shape, tensor.datatype, what)
    return (found if isinstance(found, list) else found.tolist()), rest[size:]
