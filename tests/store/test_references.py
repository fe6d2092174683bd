import pytest

from cupola.errors import Ambiguous, BadName, NotFound
from cupola.store import Store, files
from cupola.store.references import Reference, parse, resolve, version_directory, versions


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("churn", Reference(name="churn")),
        ("churn@3", Reference(name="churn", version=3)),
        ("churn@3-7f3a", Reference(name="churn", version=3, id="7f3a")),
        ("churn@champion", Reference(name="churn", alias="champion")),
        ("late.flights-v2@best_one", Reference(name="late.flights-v2", alias="best_one")),
    ],
)
def test_a_reference_is_read_and_written_alike(text: str, meaning: Reference) -> None:
    assert parse(text) == meaning and str(meaning) == text


@pytest.mark.parametrize("text", ["", "@3", "churn@", "churn@3-", "churn@3x", "../x", "churn@../x", "a@b@c", "churn@٣"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(BadName):
        parse(text)


@pytest.fixture
def models(store: Store) -> Store:
    for one in ("1-aaaa", "2-bbbb", "10-cccc", "4-7f3a", "4-7e00", "notes", "x-1"):
        files.make_dir(store, f"models/churn/{one}")
    return store


@pytest.mark.parametrize(
    ("text", "directory"),
    [("churn", "10-cccc"), ("churn@2", "2-bbbb"), ("churn@4-7f", "4-7f3a"), ("churn@4-7e00", "4-7e00")],
)
def test_a_reference_finds_its_directory(models: Store, text: str, directory: str) -> None:
    assert version_directory(models, "models", parse(text)) == f"models/churn/{directory}"


def test_two_versions_of_one_number_are_both_named(models: Store) -> None:
    with pytest.raises(Ambiguous, match="churn@4-7e00 or churn@4-7f3a"):
        version_directory(models, "models", parse("churn@4"))


def test_a_missing_version_says_what_there_is(models: Store) -> None:
    with pytest.raises(NotFound, match="1 to 10"):
        version_directory(models, "models", parse("churn@7"))
    with pytest.raises(NotFound, match="cupola model ls"):
        version_directory(models, "models", parse("nothing"))
    assert versions(models, "models", "churn")[-1] == (10, "cccc")


def test_ids_prefixes_and_names_are_resolved() -> None:
    ids = ["abcdef", "abxyz", "qq"]
    names = {"abcdef": "brave-otter", "abxyz": "calm-heron", "qq": "ab"}
    assert resolve("abcdef", ids) == "abcdef"
    assert resolve("abc", ids) == "abcdef"
    assert resolve("calm-heron", ids, names) == "abxyz"
    assert resolve("ab", ids, names) == "qq", "a whole name comes before a prefix"
    with pytest.raises(Ambiguous, match="abcdef, abxyz"):
        resolve("ab", ids)
    for nothing in ("", "zz"):
        with pytest.raises(NotFound):
            resolve(nothing, ids, names, "run")


def test_two_records_of_one_name_are_ambiguous() -> None:
    with pytest.raises(Ambiguous, match="2 runs"):
        resolve("otter", ["a", "b"], {"a": "otter", "b": "otter"}, "run")
