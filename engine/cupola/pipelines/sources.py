"""The code that a step runs: its own text, the modules that this imports, and theirs; nothing is run to find them."""

import ast
import re
from pathlib import Path

import msgspec

from cupola.errors import BadInput

SOURCE = "src"
MAGIC = re.compile(r"^([ \t]*)[%!].*$", re.MULTILINE)  # a line that IPython reads, and Python does not


class Sources:
    """What code imports. roots: where modules lie, by path in the workspace (of two with a name the first is meant);
    texts: by path those that are there; packages: the first names of all others."""

    def __init__(self, roots: dict[str, Path]) -> None:
        self.roots = roots
        self.texts: dict[str, bytes] = {}
        self.packages: set[str] = set()

    def add(self, path: str, text: bytes, package: str = "") -> None:
        """A text with all that it imports; `package` is the one that it lies in."""
        self.texts[path] = text
        self._follow(text, package)

    def notebook(self, path: str, text: bytes) -> None:
        """A notebook: the code of its cells, and not what they have said. Raises BadInput."""
        try:
            cells = [one for one in msgspec.json.decode(text)["cells"] if one["cell_type"] == "code"]
            code = ["".join(one["source"]) for one in cells]
        except (msgspec.MsgspecError, KeyError, TypeError):
            raise BadInput("this is no notebook", where=path) from None
        self.texts[path] = "\n".join(code).encode()
        for one in code:
            self._follow(MAGIC.sub(r"\1pass", one).encode(), "")

    def module(self, name: str) -> None:
        """A module, with the packages that it lies in, which are imported before it."""
        place = self._place(name)
        if place is None:
            self.packages.add(name.partition(".")[0])
            return
        outer = name.rpartition(".")[0]
        if self._place(outer):
            self.module(outer)
        path, file = place
        if path not in self.texts:
            self.add(path, read(file), name if file.stem == "__init__" else outer)

    def _follow(self, text: bytes, package: str) -> None:
        try:
            nodes = [*ast.walk(ast.parse(text))]
        except (SyntaxError, ValueError):
            return  # whoever runs it will say so
        for node in nodes:
            if isinstance(node, ast.Import):
                for one in node.names:
                    self.module(one.name)
            elif isinstance(node, ast.ImportFrom) and (origin := _origin(node, package)):
                self.module(origin)
                for name in (f"{origin}.{one.name}" for one in node.names):
                    if self._place(name):
                        self.module(name)

    def _place(self, module: str) -> tuple[str, Path] | None:
        """The path by which a module is known, and its file."""
        for path, root in self.roots.items() if module else ():
            if file := _file(root, module):
                return str(Path(path, file.relative_to(root))), file
        return None


def module_file(code: Path, module: str) -> Path | None:
    """The file of a module of src/."""
    return _file(code / SOURCE, module)


def _file(root: Path, module: str) -> Path | None:
    stem = root / module.replace(".", "/")
    return next((one for one in (stem.with_suffix(".py"), stem / "__init__.py") if one.is_file()), None)


def _origin(node: ast.ImportFrom, package: str) -> str:
    """The module that names are imported from; "" where a relative import leads nowhere."""
    if not node.level:
        return node.module or ""
    outer = package.split(".")
    if not package or node.level > len(outer):
        return ""
    return ".".join([*outer[: len(outer) - node.level + 1], *filter(None, [node.module])])


def read(path: Path) -> bytes:
    """What a file holds. Raises BadInput."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"it cannot be read: {error.strerror}", where=str(path)) from None
