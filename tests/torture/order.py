"""Looks at the system calls of every verb: what it has written is durable before it is acknowledged.

All calls that change something below the workspace are traced (strace), of the command, the agent, the keepers and the
jobs. When a verb ends with exit status 0,
  - each file that was written has been synced, and each directory in which a name was made or renamed,
  - no file was renamed or linked into its place before it was synced,
  - no file that was in its place already was cut short or written from its middle.
What a process other than the command is just then putting in its place (a job that is to be stopped says how it ended)
it may sync by its very next sync.
Not looked at is what says only how things stand at a moment, and may be lost (PASSING).
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.torture import verbs
from tests.torture.guest import install

CALLS = (
    "open,openat,creat,write,pwrite64,writev,pwritev,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,"
    "unlinkat,ftruncate,mkdir,mkdirat,copy_file_range,sendfile"
)
PASSING = re.compile(
    r"\.cupola/(feed|presence|agents|digests|gateways)(/|$)|\.cupola/claims/.*\.beat$|/progress\.json$|/beat\.json$|/log\.txt$"
    r"|endpoints/[^/]+/(status\.json|log.*|capture.*)$|/(room|heard|usage)[^/]*$"
)
DRAFT = re.compile(r"/\.tmp-[^/]*$|/\.cupola/staging/")
LINE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+)(?:<(.*)>)?")
NAMED = re.compile(r'(?:(AT_FDCWD|\d+)<((?:[^<>]|<[^>]*>)*)>, )?"((?:[^"\\]|\\.)*)"')
OPENED = re.compile(r"\d+<([^<>]*)>")
ACKNOWLEDGED = "acknowledged: "
ANSWER = "answer"  # which the process that becomes the command opens


@dataclass
class Disk:
    """What of a directory is not yet durable, as the calls so far have left it."""

    root: str
    files: set[str] = field(default_factory=set)
    directories: dict[str, str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    acknowledged: int = 0
    caller: str = ""
    command: str = ""
    made_by: dict[str, str] = field(default_factory=dict)
    owed: dict[str, tuple[str, str]] = field(default_factory=dict)

    def call(self, caller: str, name: str, arguments: str, opened: str) -> None:
        """One call that went well, of a process or thread."""
        self.caller = caller
        if name in ("open", "openat", "creat"):
            self._open(arguments, opened)
        elif name in ("fsync", "fdatasync"):
            path = _first(arguments)
            self.files.discard(path)
            self.directories.pop(path, None)
            self._settle(path)
        elif name.startswith(("rename", "link")):
            self._move(name, *_paths(arguments)[:2])
        elif name.startswith("unlink"):
            self._gone(_paths(arguments)[0])
        elif name.startswith("mkdir"):
            self._made(_paths(arguments)[0])
        elif ACKNOWLEDGED in arguments and name == "write":
            self._acknowledge(arguments)
        elif self._ours(path := _first(arguments)):
            self.files.add(path)

    def _ours(self, path: str) -> bool:
        return path.startswith(self.root + "/") and not PASSING.search(path) and "(deleted)" not in path

    def _settle(self, path: str) -> None:
        directory, broken = self.owed.pop(self.caller, (path, ""))
        if directory != path:
            self.broken.append(broken)

    def _open(self, arguments: str, path: str) -> None:
        if path == f"{os.path.dirname(self.root)}/{ANSWER}":  # noqa: PTH120
            self.command = self.caller
        if self._ours(path) and "O_CREAT" in arguments:
            if "O_TRUNC" in arguments and not DRAFT.search(path):
                self.broken.append(f"{self._short(path)} is written in its place")
            self._made(path)

    def _made(self, path: str) -> None:
        if self._ours(path) and not DRAFT.search(path):
            self.directories[os.path.dirname(path)] = path  # noqa: PTH120
            self.made_by[path] = self.caller

    def _gone(self, path: str) -> None:
        self.files.discard(path)
        if self.directories.get(os.path.dirname(path)) == path:  # noqa: PTH120
            del self.directories[os.path.dirname(path)]  # noqa: PTH120

    def _move(self, name: str, source: str, target: str) -> None:
        if not self._ours(target):
            return
        below = [path for path in self.files if path == source or path.startswith(source + "/")]
        if below:
            self.broken.append(f"{self._short(target)} is put in its place before {self._short(below[0])} is synced")
        if name.startswith("rename"):
            self._gone(source)
        self._made(target)

    def _acknowledge(self, arguments: str) -> None:
        verb = arguments.partition(ACKNOWLEDGED)[2].partition("\\n")[0]
        self.acknowledged += 1
        for path in sorted(path for path in self.files if not DRAFT.search(path)):
            self.broken.append(f"{verb}: {self._short(path)} is not synced")
        for directory, path in sorted(self.directories.items()):
            broken = f"{verb}: {self._short(path)} came, and its directory is not synced"
            by = self.made_by[path]
            if by == self.command or by in self.owed:
                self.broken.append(broken)
            else:
                self.owed[by] = directory, broken
        self.files.clear()
        self.directories.clear()

    def _short(self, path: str) -> str:
        """Without the root and without ids, so that the same thing is said in the same words."""
        return re.sub(r"\b[a-z2-7]{10}\b", "ID", path.removeprefix(self.root + "/"))


def calls(trace: Iterable[str]) -> Iterator[tuple[str, str, str, str]]:
    """The calls of a trace that went well, as they ended: who, name, arguments, what was opened."""
    begun: dict[str, str] = {}
    for line in trace:
        pid, _, rest = line.rstrip("\n").partition(" ")
        rest = rest.strip()
        if rest.endswith("<unfinished ...>"):
            begun[pid] = rest.removesuffix("<unfinished ...>").rstrip()
            continue
        if resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", rest):
            rest = begun.pop(pid, "") + resumed[1]
        if (found := LINE.match(f"{pid} {rest}")) and int(found[4]) >= 0:
            yield pid, found[2], found[3], found[5] or ""


def _paths(arguments: str) -> list[str]:
    found = []
    for _, directory, name in NAMED.findall(arguments):
        text = ast.literal_eval(f'b"{name}"').decode(errors="replace")
        found.append(os.path.normpath(os.path.join(directory, text)))  # noqa: PTH118
    return found


def _first(arguments: str) -> str:
    found = OPENED.match(arguments)
    return found[1] if found else ""


SCRIPT = """\
cd {out}
export CUPOLA_HERE={out}
cupola() {{ {python} -P -m cupola_tui -q "$@" > {answer}; }}
c() {{ cupola -C {root} "$@" && echo "acknowledged: $1 $2"; }}
cupola init {root} && echo "acknowledged: init"
cupola -C {root} agent start
c dataset import {out}/flights.csv --name flights --target late
c dataset set flights --description 'of a day'
c train --dataset flights --estimator LogisticRegression --exclude id --name first --wait
c model register first --name late
c model approve late@1 --note good
c model alias late@1 champion
c comment late@1 hello
c tag late@1 +good
c run note first 'the first'
c run tag first tried
c job submit --name one --wait -- true
c job submit --name two -- sleep 600
c job stop two
c endpoint deploy late@1 --name e --wait
c endpoint update e --variant a=late@1:1 --wait
c endpoint stop e --wait
c endpoint rm e
c dataset import {out}/more.csv --name more
c dataset rm more@1
c train --dataset flights --estimator LogisticRegression --exclude id --name second --register late --wait
c run rm second
c check
cupola -C {root} agent stop --jobs
"""


def main() -> int:
    install({"strace": "strace"})
    out = Path(tempfile.mkdtemp(prefix="cuo-", dir="/tmp"))
    try:
        for name in ("flights", "more"):
            verbs.table(out, name)
        homes = {"CUPOLA_RUNTIME_DIR": "run", "CUPOLA_SLOTS_DIR": "slots", "XDG_STATE_HOME": "state"}
        homes |= {"XDG_CONFIG_HOME": "config", "XDG_CACHE_HOME": "cache"}
        variables = os.environ | {name: str(out / below) for name, below in homes.items()}
        root, trace = out / "workspace", out / "trace"
        (out / "script").write_text(SCRIPT.format(out=out, answer=ANSWER, root=root, python=sys.executable))
        strace = ["strace", "-f", "--seccomp-bpf"]  # which stops at no other calls, and those are most
        command = [*strace, "-y", "-s", "300", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", trace]
        subprocess.run([*command, "bash", out / "script"], env=variables, stdin=subprocess.DEVNULL, check=True)
        disk = Disk(str(root))
        with trace.open(errors="replace") as lines:
            count = 0
            for one in calls(lines):
                disk.call(*one)
                count += 1
        wanted = SCRIPT.count("\nc ") + 1
    finally:
        shutil.rmtree(out, ignore_errors=True)
    disk.broken += [broken for _, broken in disk.owed.values()]
    if disk.acknowledged < wanted:
        disk.broken.append(f"only {disk.acknowledged} of {wanted} verbs ended well")
    for one in sorted(set(disk.broken)):
        print(one)
    lost = "; ".join(sorted(set(disk.broken))) or "nothing"
    print(f"result: {disk.acknowledged} verbs, {count} calls that write | {lost}")
    return bool(disk.broken)


if __name__ == "__main__":
    sys.exit(main())
