"""TensorBoard's event files: scalars in both forms, hyperparameters of both kinds, and what does not come."""

import random
import struct
import zlib
from pathlib import Path

import pytest

from cupola.errors import BadInput
from cupola.experiments import histories
from cupola.importing import framing, tensorboard
from cupola.workspace import Workspace

from .conftest import bring, history, runs


def event(step: int, value: float, tag: bytes = b"loss", time: float = 1_764_000_000.0) -> bytes:
    """A record of one scalar, framed."""
    inner = b"\x0a" + bytes([len(tag)]) + tag + b"\x15" + struct.pack("<f", value)
    summary = b"\x0a" + bytes([len(inner)]) + inner
    number, raw = step & (2**64 - 1), b""
    while number > 0x7F:
        raw, number = raw + bytes([number & 0x7F | 0x80]), number >> 7
    body = (
        b"\x09" + struct.pack("<d", time) + b"\x10" + raw + bytes([number]) + b"\x2a" + bytes([len(summary)]) + summary
    )
    return framed(body)


def framed(body: bytes) -> bytes:
    size = struct.pack("<Q", len(body))
    return size + struct.pack("<I", framing.masked(size)) + body + struct.pack("<I", framing.masked(body))


def test_each_directory_is_a_run_with_its_scalars_and_hyperparameters(workspace: Workspace, kept: Path) -> None:
    done = bring(workspace, tensorboard, kept / "logs")
    assert (done.experiments, done.runs, done.metrics) == (1, 3, 64)
    found = runs(workspace)
    assert found.keys() == {"train", "tuned/first", "keras/validation"}
    assert found["tuned/first"].params == {"lr": 0.1, "batch": 32, "name": "adam", "nesterov": True}
    assert found["tuned/first"].metrics == {"hparam/accuracy": 0.75}
    assert found["keras/validation"].params == {"units": 16, "activation": "relu", "bias": False}
    assert [step for step, _ in history(workspace, found["keras/validation"])["epoch_loss"]] == list(range(10))
    train = found["train"]
    loss = history(workspace, train)["loss"]
    assert loss[50:] == [(10, "0.5"), (11, "nan"), (12, "inf")] and len(loss) == 53
    times = [one.time for one in histories.of_run(workspace.store, train).logged]
    assert times[0] == train.started == "2025-11-24T16:00:00.250000Z" and times[50] == "2025-11-24T16:01:40.000000Z"
    said = {one.what: one.why for one in done.skipped}
    assert {"run train: histograms (weights)", "run train: images (picture)", "run tuned"} <= said.keys()


def test_it_comes_once_wherever_one_points(workspace: Workspace, kept: Path) -> None:
    assert bring(workspace, tensorboard, kept / "logs" / "train").runs == 1
    assert bring(workspace, tensorboard, kept / "logs").runs == 2
    moved = (kept / "logs").rename(kept / "elsewhere")
    again = bring(workspace, tensorboard, moved)
    assert again.runs == 0 and [one.why for one in again.skipped].count("it is here already") == 3
    assert workspace.action("check").ok


def test_odd_steps_times_and_names_are_data(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "logs" / "events.out.tfevents.1.h"
    file.parent.mkdir()
    values = [
        event(5, 1.0), event(-3, 2.0), event(2**62, 3.0), event(1, 4.0, time=float("nan")), event(2, 5.0, time=1e300),
        event(3, 6.0, tag=b"\x1b[31mred"), event(4, 7.0, tag="größe".encode()), event(6, 8.0, tag=b""),
    ]  # fmt: skip
    file.write_bytes(b"".join(values))
    done = bring(workspace, tensorboard, file)
    [run] = runs(workspace).values()
    logged = history(workspace, run)
    assert logged["loss"] == [(5, "1.0"), (-3, "2.0"), (2**62, "3.0"), (1, "4.0"), (2, "5.0")]
    assert logged["größe"] == [(4, "7.0")] and len(logged) == 2
    assert any("2 values have no time" in note for note in run.notes)
    assert sum("metric" in one.what for one in done.skipped) == 2
    assert not any("\x1b" in one.what + one.why for one in done.skipped)


def test_a_torn_file_gives_what_is_before_and_after_the_damage(workspace: Workspace, tmp_path: Path) -> None:
    records = [event(step, float(step)) for step in range(10)]
    at = tmp_path / "logs"
    for name, content in {
        "cut": b"".join(records)[:-5],
        "flipped": b"".join([*records[:3], records[3][:20] + b"\xff" + records[3][21:], *records[4:]]),
        "lost": b"".join([*records[:3], b"\0" * 40, *records[4:]]),
    }.items():
        (at / name).mkdir(parents=True)
        (at / name / f"events.out.tfevents.1.{name}").write_bytes(content)
    done = bring(workspace, tensorboard, at)
    counts = {name: len(history(workspace, run)["loss"]) for name, run in runs(workspace).items()}
    assert counts == {"cut": 9, "flipped": 9, "lost": 3}
    why = {one.what.split(":")[0]: one.why for one in done.skipped}
    assert why["run cut"].startswith("it ends within a record")
    assert why["run flipped"].endswith("is damaged") and why["run lost"].endswith("on it is damaged")


def test_no_damage_ends_an_import(kept: Path, tmp_path: Path) -> None:
    [file] = kept.glob("logs/train/*")
    whole, draw = file.read_bytes(), random.Random(7)
    for number in range(30):
        damaged = bytearray(whole[: draw.randrange(1, len(whole))] if number % 2 else whole)
        for _ in range(draw.randrange(8)):
            damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        file.write_bytes(damaged)
        done = bring(Workspace.init(tmp_path / f"at{number}"), tensorboard, file)
        assert done.runs == 1 or done.skipped


def test_bad_messages_in_good_frames_are_counted(workspace: Workspace, tmp_path: Path) -> None:
    draw = random.Random(11)
    file = tmp_path / "events.out.tfevents.1.h"
    file.write_bytes(event(1, 1.0) + b"".join(framed(draw.randbytes(draw.randrange(60))) for _ in range(3000)))
    done = bring(workspace, tensorboard, file)
    assert done.runs == 1 and any("are no events" in one.why for one in done.skipped)


def test_symlinks_and_pipes_are_not_followed(workspace: Workspace, kept: Path, tmp_path: Path) -> None:
    (kept / "logs" / "there").symlink_to(kept / "logs" / "train")
    (kept / "logs" / "events.out.tfevents.2.link").symlink_to("/etc/passwd")
    done = bring(workspace, tensorboard, kept / "logs")
    named = {one.what for one in done.skipped if "symlink" in one.why}
    assert named == {"there", "events.out.tfevents.2.link"} and done.runs == 3


def test_a_directory_without_event_files_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no event files"):
        bring(workspace, tensorboard, tmp_path)


def test_the_checksum_is_the_one_of_the_format() -> None:
    turned = (framing.masked(b"123456789") - 0xA282EAD8) & 0xFFFFFFFF
    assert (turned << 15 | turned >> 17) & 0xFFFFFFFF == 0xE3069283  # CRC-32C's own check value, RFC 3720
    assert zlib.crc32(b"123456789") == 0xCBF43926
