"""Control groups, on a directory that looks like one (a test machine seldom delegates any)."""

from pathlib import Path

import pytest

from cupola.jobs import cgroup


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    group = tmp_path / "user.slice" / "cupola-agent.service"
    group.mkdir(parents=True)
    (group / "cgroup.controllers").write_text("cpu memory pids\n")
    (group / "cgroup.procs").write_text("")
    (group / "cgroup.subtree_control").write_text("")
    real = Path.read_text

    def read_text(self: Path, *more: object, **options: object) -> str:
        if str(self) == "/proc/self/cgroup":
            return "1:name=systemd:/x\n0::/user.slice/cupola-agent.service\n"
        return real(self, *more, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "read_text", read_text)
    return group


def test_a_delegated_group_gives_each_job_one_with_its_limit(tree: Path, tmp_path: Path):
    assert cgroup.delegated(tmp_path) == tree
    assert (tree / "cgroup.subtree_control").read_text() == "+memory"
    group = cgroup.make(str(tree), "job-x-1", 1 << 30)
    assert group is not None
    assert (group.path / "memory.max").read_text() == str(1 << 30)
    (group.path / "memory.events").write_text("low 0\noom 1\noom_kill 0\n")
    assert not group.ran_out()
    (group.path / "memory.events").write_text("low 0\noom 1\noom_kill 2\n")
    assert group.ran_out()


def test_without_the_memory_controller_or_a_group_of_our_own_there_is_none(tree: Path, tmp_path: Path):
    (tree / "cgroup.controllers").write_text("cpu\n")
    assert cgroup.delegated(tmp_path) is None
    assert cgroup.delegated(tmp_path / "elsewhere") is None
    assert cgroup.make(None, "job-x-1", 1) is None
    assert cgroup.make(str(tree / "gone"), "job-x-1", 1) is None
