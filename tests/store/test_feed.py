import msgspec

from cupola.store import Store, feed, files, records


def lines(store: Store) -> list[feed.Line]:
    found = []
    for name in files.listing(store, feed.FEED):
        data = files.read_bytes(store, f"{feed.FEED}/{name}")
        found += [msgspec.json.decode(line, type=feed.Line) for line in data.splitlines()]
    return found


def test_a_written_record_is_announced_with_its_revision_and_path(store: Store) -> None:
    for _ in range(2):
        records.write(store, "models/a.json", records.Record(), kind="model", ref="a")
    assert [(one.kind, one.ref, one.revision, one.path) for one in lines(store)] == [
        ("model", "a", 1, "models/a.json"),
        ("model", "a", 2, "models/a.json"),
    ]
    assert files.listing(store, feed.FEED) == [f"{store.writer}.1.jsonl"]


def test_what_digests_hold_is_announced_before_it_is_replaced_too(store: Store) -> None:
    for _ in range(2):
        records.write(store, "runs/a.json", records.Record(), kind="run", ref="a")
    assert [(one.kind, one.ref, one.revision) for one in lines(store)] == [
        ("run", "a", 1),
        ("run", "a", 2),
        ("run", "a", 2),
    ]


def test_the_feed_is_rotated_and_old_ones_go(store: Store) -> None:
    for n in range(3 * feed.ROTATE // 1000):
        feed.announce(store, "run", "x" * 950, n)
    names = files.listing(store, feed.FEED)
    assert len(names) == 2 and f"{store.writer}.1.jsonl" not in names
    sizes = [(store.root / feed.FEED / name).stat().st_size for name in names]
    assert max(sizes) < feed.ROTATE + 2000
    told = [one.revision for one in lines(store)]
    assert told == list(range(told[0], 3 * feed.ROTATE // 1000))


def test_a_torn_line_of_a_dead_process_is_ended(store: Store) -> None:
    feed.announce(store, "run", "a", 1)
    path = store.root / feed.FEED / f"{store.writer}.1.jsonl"
    path.write_bytes(path.read_bytes() + b'{"kind": "run", "re')
    feed.announce(store, "run", "b", 1)
    assert msgspec.json.decode(path.read_bytes().splitlines()[-1], type=feed.Line).ref == "b"


def test_a_feed_that_cannot_be_written_stops_nobody(store: Store) -> None:
    (store.root / ".cupola").mkdir(exist_ok=True)
    (store.root / feed.FEED).write_text("in the way")
    records.write(store, "runs/a.json", records.Record(), kind="run", ref="a")
    assert records.read(store, "runs/a.json", records.Record).revision == 1
