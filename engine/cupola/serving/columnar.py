"""Bodies that hold arrays: NumPy's npy and Parquet, read within bounds and without any pickle, and written."""

import io
import math
from tokenize import TokenError
from typing import Any

import numpy as np

from cupola.errors import BadInput
from cupola.registry.models import Prediction
from cupola.runtimes.tables import Table
from cupola.serving import parquetpages
from cupola.serving.payloads import CELLS, LIMIT, WIDEST, TooLarge

UNPACKED = 4 * LIMIT
INDEX = "__index_level_0__"  # what pandas calls an index that has no name
HEADERS = (ValueError, TypeError, SyntaxError, KeyError, RecursionError, MemoryError, OverflowError, TokenError)
LAST = 0x10FFFF  # the last character of Unicode
FEWER = "send fewer rows a request"


def read_npy(body: bytes) -> Table:
    """An array of rows, or of records whose fields are columns. Raises BadInput, also for one that holds objects."""
    file = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, by_column, dtype = read(file)
    except HEADERS as error:
        raise BadInput(f"the body is not an npy file: {_said(error)}") from None
    if dtype.hasobject:
        raise BadInput("the npy file holds Python objects, which are never read from a client", hint="send plain types")
    kinds = [dtype] if dtype.names is None else [dtype[name] for name in dtype.names]
    if not all(one.kind in "biufSUM" and one.itemsize and one.subdtype is None for one in kinds) or not kinds:
        raise BadInput(f"the npy file holds values of the type {str(dtype)[:100]}, which no column has")
    if len(shape) not in ((1,) if dtype.names else (1, 2)) or min(shape) < 1:
        raise BadInput(f"the npy file has the shape {str(shape)[:60]}; rows, or rows and columns, are taken")
    width = len(kinds) if dtype.names or not shape[1:] else shape[1]
    _check_size(shape[0], width)
    data = memoryview(body)[file.tell() :]
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise BadInput(f"the npy file has {len(data):,} bytes of data where its header says otherwise")
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if by_column else "C")
    if dtype.names:
        if not all(name.isprintable() for name in dtype.names):
            raise BadInput("the npy file has a field whose name is no text")
        return Table(list(dtype.names), [_values(array[name]) for name in dtype.names], shape[0])
    table = array.reshape(shape[0], width)
    return Table(None, [_values(table[:, place]) for place in range(width)], shape[0])


def read_parquet(body: bytes) -> Table:
    """A Parquet file of plain columns. Raises BadInput, and TooLarge before anything is unpacked that is too much."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        size = parquetpages.measure(body)
        schema = pq.ParquetFile(pa.BufferReader(body)).schema_arrow
        names = [name for name in schema.names if name != INDEX]
        nested = [one.name for one in schema if not _plain(one.type)]
        if nested:
            raise BadInput(f"the column {nested[0][:100]!r} is a {schema.field(nested[0]).type}, which no model takes")
        _check_size(size.rows, len(schema))
        if size.unpacked > UNPACKED:
            raise TooLarge(f"the Parquet file unpacks to more than {UNPACKED:,} bytes; {FEWER}")
        texts = [one.name for one in schema if _is_text(one.type)]
        found = pq.ParquetFile(pa.BufferReader(body), read_dictionary=texts).read(columns=names, use_threads=False)
        columns = [from_arrow(found.column(name)) for name in names]
    except BadInput:
        raise
    except (pa.ArrowException, OSError, ValueError, IndexError, KeyError, OverflowError, MemoryError) as error:
        raise BadInput(f"the body is not a Parquet file that can be read: {_said(error)}") from None
    if not columns or not found.num_rows:
        raise BadInput("the Parquet file holds no row; send at least one")
    return Table(names, columns, found.num_rows)


def npy(prediction: Prediction) -> bytes:
    """An array of predictions; of records with the fields prediction and probabilities or score where it has such."""
    more = {"probabilities": prediction.probabilities, "score": prediction.scores}
    fields = {"prediction": _storable(prediction.values)} | {k: np.asarray(v) for k, v in more.items() if v is not None}
    array = fields["prediction"]
    if len(fields) > 1:
        array = np.empty(len(array), [(name, one.dtype, one.shape[1:]) for name, one in fields.items()])
        for name, one in fields.items():
            array[name] = one
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def parquet(prediction: Prediction, classes: list[Any] | None) -> bytes:
    """A Parquet file with the columns prediction, and probability_CLASS for each class or score."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"prediction": pa.array(_storable(prediction.values))}
    if prediction.probabilities is not None:
        for name, one in zip(
            classes or range(prediction.probabilities.shape[1]), prediction.probabilities.T, strict=True
        ):
            columns[f"probability_{name}"] = pa.array(np.ascontiguousarray(one))
    if prediction.scores is not None:
        columns["score"] = pa.array(prediction.scores)
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def _check_size(rows: int, width: int) -> None:
    if width > WIDEST:
        raise TooLarge(f"the body has {width:,} columns; there may be {WIDEST:,}")
    if rows * width > CELLS:
        raise TooLarge(f"the body has {rows:,} rows of {width:,} values; there may be {CELLS:,} values; {FEWER}")


def _values(column: Any) -> list[Any]:
    """The values of a column of an array as other payloads have them. Raises BadInput."""
    if column.dtype.kind == "U":
        _refuse_no_characters(column)
    try:
        if column.dtype.kind == "M":
            return [None if one == "NaT" else one for one in np.datetime_as_string(column).tolist()]
        found: list[Any] = column.tolist()
        return [one.decode() for one in found] if column.dtype.kind == "S" else found
    except (ValueError, RuntimeError) as error:  # not UTF-8; a time without a unit, or too far away
        raise BadInput(f"the npy file holds values that cannot be read: {_said(error)}") from None


def _refuse_no_characters(column: Any) -> None:
    """Raises BadInput for numbers that are no characters: numpy makes strings of them that end a process later on."""
    found = np.ascontiguousarray(column).view(np.dtype(np.uint32).newbyteorder(column.dtype.byteorder))
    if np.any((found > LAST) | ((found >= 0xD800) & (found <= 0xDFFF))):
        raise BadInput("the npy file holds text of what are no characters")


def _plain(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    is_plain = (types.is_boolean, types.is_integer, types.is_floating, types.is_decimal, types.is_date, types.is_null)
    return _is_text(kind) or types.is_timestamp(kind) or any(is_one(kind) for is_one in is_plain)


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return any(
        is_one(kind) for is_one in (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    )


def from_arrow(column: Any) -> list[Any]:
    """The values of a column of a table, as other payloads have them."""
    import pyarrow as pa
    from pyarrow import types

    found: list[Any] = []
    for chunk in column.chunks:
        if types.is_dictionary(chunk.type):
            words = _written(
                chunk.dictionary.cast(pa.string()) if _is_text(chunk.type.value_type) else chunk.dictionary
            )
            found += [None if one is None else words[one] for one in chunk.indices.to_pylist()]
        else:
            found += _written(chunk)
    return found


def _written(chunk: Any) -> list[Any]:
    """Moments as text and decimals as numbers, as other payloads have them."""
    from pyarrow import types

    kind = chunk.type
    if (types.is_integer(kind) or types.is_floating(kind)) and not chunk.null_count:
        return list(chunk.to_numpy(zero_copy_only=False).tolist())
    if types.is_date(kind) or types.is_timestamp(kind):
        return [one and one.isoformat() for one in chunk.to_pylist()]
    if types.is_decimal(kind):
        return [None if one is None else str(one) for one in chunk.to_pylist()]
    return list(chunk.to_pylist())


def _storable(values: Any) -> Any:
    array = np.asarray(values)
    return array if array.dtype.kind in "biufU" else np.array([str(one) for one in array.tolist()])


def _said(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__
