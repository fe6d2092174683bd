import builtins
import io
from pathlib import Path
from typing import Any

import pytest
from tests.faults import sshfs

from cupola.store import filesystem
from cupola.store.filesystem import Mount, mount_of

MOUNTINFO = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:44 / /srv rw,nosuid shared:9 - nfs4 server:/srv rw,vers=4.2,acregmin=3,acregmax=60,acdirmin=30,acdirmax=60
31 22 0:45 / /fast rw shared:9 - nfs server:/fast rw,acregmin=1,acregmax=1,acdirmin=1,acdirmax=1,lookupcache=positive
32 22 0:46 / /mnt/a\\040b rw - fuse.sshfs ana@box:/srv rw,user_id=1000
33 22 0:47 / /data rw - fuse.strange thing rw
34 22 0:48 / /usb rw - fuseblk /dev/sdb1 rw
35 30 0:49 / /srv/local rw - xfs /dev/sdc rw
36 22 0:50 / /noac rw - nfs4 server:/noac rw,noac,acregmax=60
"""


@pytest.fixture
def mounts(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.open

    def fake(path: Any, *arguments: Any, **more: Any) -> Any:
        return io.StringIO(MOUNTINFO) if path == "/proc/self/mountinfo" else real(path, *arguments, **more)

    monkeypatch.setattr(filesystem, "open", fake, raising=False)


@pytest.mark.parametrize(
    ("path", "kind", "point"),
    [
        ("/home/ana", "local", "/"),
        ("/srv/team/churn", "nfs", "/srv"),
        ("/srvx", "local", "/"),
        ("/srv/local/x", "local", "/srv/local"),
        ("/mnt/a b/churn", "sshfs", "/mnt/a b"),
        ("/data", "fuse", "/data"),
        ("/usb/x", "local", "/usb"),
    ],
)
@pytest.mark.usefixtures("mounts")
def test_the_mount_of_a_path_is_the_deepest_one(path: str, kind: str, point: str) -> None:
    found = mount_of(path)
    assert (found.kind, found.point) == (kind, point)
    assert found.network == (kind != "local")
    assert found.lease_seconds == (10 if kind == "local" else 90)


@pytest.mark.usefixtures("mounts")
def test_late_nfs_views_are_said_with_the_option_that_mends_them() -> None:
    assert mount_of("/srv").stale_seconds == 60
    assert "actimeo=1" in (mount_of("/srv").advice or "")
    assert mount_of("/fast").advice is None
    assert mount_of("/noac").advice is None


@pytest.mark.parametrize(
    ("options", "late"),
    [
        ({}, 20),
        ({"dir_cache": "no"}, 0),
        ({"dcache_timeout": "1"}, 1),
        ({"dcache_timeout": "7"}, 7),
        ({"dcache_timeout": "much"}, 20),
        ({"cache": "no"}, 0),
    ],
)
def test_late_sshfs_views_are_said_with_the_option_that_mends_them(options: dict[str, str], late: float) -> None:
    mount = Mount("sshfs", "/mnt", options)
    assert mount.stale_seconds == late
    assert mount.advice is None if late <= 1 else "dcache_timeout=1" in (mount.advice or "")


def test_a_local_disk_needs_no_advice(tmp_path: Path) -> None:
    found = mount_of(tmp_path)
    assert (found.kind, found.stale_seconds, found.advice) == ("local", 0, None)


@pytest.mark.parametrize(("options", "late"), [("", 20), ("dcache_timeout=1", 1), (sshfs.UNCACHED, 0)])
def test_a_real_sshfs_mount_is_recognised_with_its_options(tmp_path: Path, options: str, late: float) -> None:
    with sshfs.mounted(tmp_path, options) as mounts:
        found = mount_of(mounts.a / "not" / "there")
        assert (found.kind, found.point, found.stale_seconds) == ("sshfs", str(mounts.a), late)
        assert bool(found.advice) == (late > 1)
