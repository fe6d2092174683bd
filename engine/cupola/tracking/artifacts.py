"""Artifacts of a run: texts, figures and files, as they are written below its attempt."""

import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from cupola.errors import BadInput
from cupola.store import Store, files, names
from cupola.store.paths import place
from cupola.store.trouble import disk
from cupola.tracking.values import plain

AT_ONCE = 16 * 2**20  # bytes of a file that is read when it is logged; a larger one is copied then
IMAGES = (".png", ".svg", ".pdf", ".jpg", ".jpeg", ".webp")


def of_figure(figure: Any, name: str) -> bytes:
    """A figure of matplotlib (PNG, SVG, PDF, by the name's end) or plotly (HTML) as bytes. Raises BadInput."""
    suffix = Path(name).suffix.lower()
    if hasattr(figure, "savefig") and suffix in IMAGES:
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix[1:], bbox_inches="tight")
        return buffer.getvalue()
    if hasattr(figure, "to_html") and suffix == ".html":
        return str(figure.to_html(include_plotlyjs=True)).encode()
    kinds = f"a matplotlib figure ({', '.join(IMAGES)}) or one of plotly (.html)"
    raise BadInput(f"{type(figure).__name__} cannot be saved as {name}", where="log_figure", hint=f"it takes {kinds}")


def of_value(value: Any) -> bytes:
    """A dict or a list as JSON."""
    return msgspec.json.format(msgspec.json.encode(plain(value)), indent=1) + b"\n"


def keep(store: Store, path: str, content: bytes) -> Callable[[], str]:
    """What writes an artifact, later and whole."""

    def write() -> str:
        files.write_bytes(store, path, content, durable=False)
        return path

    return write


def copy(store: Store, source: Path, path: str) -> None:
    """Copies a file, however large, to its place. Raises CupolaError, OSError."""
    with disk(path), place(store, path, make=True) as at:
        draft = f".tmp-{names.new_id()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(draft, flags, os.fstat(at.directory).st_mode & 0o666, dir_fd=at.directory)
        try:
            with os.fdopen(descriptor, "wb") as target, source.open("rb") as origin:
                shutil.copyfileobj(origin, target, 1 << 20)
            os.rename(draft, at.name, src_dir_fd=at.directory, dst_dir_fd=at.directory)
        except BaseException:
            os.unlink(draft, dir_fd=at.directory)
            raise
