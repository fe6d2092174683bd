"""Names of things, of people and of moments."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count

from cupola.errors import BadName

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
DEVICES = {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(10)}
LEFTOVERS = (".tmp", ".lock", ".part")
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"

_ADJECTIVES = """able agile amber ample apt arid ashen avid azure bold brave brief bright brisk calm candid chief civil
clean clear clever cosmic crisp curly dapper daring deep deft dual eager early earnest easy exact fair fancy fast fine
firm fleet fond frank free fresh gentle glad golden good grand great green happy hardy hazel honest humble ideal jolly
keen kind lean light lively local loyal lucid lucky lunar mellow merry mild misty modest neat nimble noble novel odd
olive open pale patient plain polite prime proud pure quick quiet rapid rare ready regal robust rosy royal sage sandy
sharp silent silver simple sleek smart smooth snowy solar solid sonic steady still sturdy subtle sunny super swift
tame tidy topaz true trusty upbeat urban valid vast velvet violet vital vivid warm wary wise witty young zesty"""
_ANIMALS = """adder alpaca ant ape auk badger bat bear beaver bee bison boar bobcat bream buck camel caribou carp cat
civet clam cobra cod colt condor coot coral crab crane crow cub deer dingo dodo doe dove drake duck eagle eel egret
elk emu falcon fawn ferret finch fish fox frog gannet gecko gibbon gnu goat goose grouse gull hare hawk heron hog horse
hound ibex ibis iguana impala jackal jay kite kiwi koala koi lamb lark lemur lion llama loon lynx macaw magpie mako
marlin marten mink mole moose moth mouse mule newt ocelot okapi orca oriole osprey otter owl ox panda parrot pelican
perch pigeon pike plover pony puffin puma quail rabbit ram raven ray robin rook salmon seal shark shrew skink sloth
snail snipe sole sparrow squid stag starling stoat stork swan swift tapir teal tern thrush tiger toad trout tuna turtle
viper vole walrus wasp weasel whale wolf wombat wren yak zebra"""
ADJECTIVES, ANIMALS = _ADJECTIVES.split(), _ANIMALS.split()


def check_name(name: str, what: str = "name") -> str:
    """The name itself, when people may give it to a dataset, a model, an endpoint, ...; raises BadName otherwise."""
    shown = ascii(name[:60])
    shown = shown if len(shown) <= 62 else f"{shown[:58]}...'"
    if not NAME.fullmatch(name):
        raise BadName(
            f"{shown} is not a {what}",
            hint="1 to 100 of the letters a-z, A-Z, digits, '.', '_' and '-', the first a letter or a digit",
        )
    if name.endswith(".") or name.lower().endswith(LEFTOVERS):
        raise BadName(f"{shown} is not a {what}", hint=f"it may not end in '.', {', '.join(LEFTOVERS)}")
    if name.partition(".")[0].lower() in DEVICES:
        raise BadName(f"{shown} is not a {what}", hint="Windows keeps that name for a device")
    return name


def as_name(text: str) -> str:
    """A text as a name: itself where it can be one, else one like it."""
    try:
        return check_name(text)
    except BadName:
        return like(text)


def like(text: str) -> str:
    """A name that reads like a text, and that no other text gets."""
    import hashlib

    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    words = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:80] or "unnamed"
    if words.partition(".")[0].lower() in DEVICES:
        words = words.replace(".", "-")
    return f"{words}-{digest[:8]}"


_filed: ContextVar[str | None] = ContextVar("filed", default=None)
_drawn: ContextVar[Iterator[int]] = ContextVar("drawn")


def new_id(length: int = 10) -> str:
    """A random name: ten characters that nobody else will draw."""
    filed = _filed.get()
    noise = os.urandom(length) if filed is None else _noise(filed, next(_drawn.get()))[:length]
    return "".join(ALPHABET[byte & 31] for byte in noise)


def private_name() -> str:
    """A private name for a file that is still being written; random also under `filed_under`, where the same action
    that was killed before may have left its own."""
    return ".tmp-" + "".join(ALPHABET[byte & 31] for byte in os.urandom(10))


@contextmanager
def filed_under(ident: str) -> Iterator[None]:
    """Whatever is made within is named after `ident`, a random text that nobody else has drawn.

    Who has got no answer finds by it what was made (`cupola.outcome`): ids are among `ids_under(ident)`, and lines of
    journals say `filed`. What is made in other threads is named at random as ever.
    """
    tokens = _filed.set(ident), _drawn.set(count())
    try:
        yield
    finally:
        _filed.reset(tokens[0])
        _drawn.reset(tokens[1])


def filed() -> str | None:
    """What the action under way is filed under, if under anything."""
    return _filed.get()


def ids_under(ident: str, most: int = 256) -> set[str]:
    """The ids that were drawn under `ident`, if no more than `most` were."""
    return {"".join(ALPHABET[byte & 31] for byte in _noise(ident, number)[:10]) for number in range(most)}


def _noise(ident: str, number: int) -> bytes:
    import hashlib

    return hashlib.sha256(f"{ident}/{number}".encode()).digest()


def word_name() -> str:
    """A random name that people can say: "brave-otter"; two records may get the same one."""
    first, second = int.from_bytes(os.urandom(4)), int.from_bytes(os.urandom(4))
    return f"{ADJECTIVES[first % len(ADJECTIVES)]}-{ANIMALS[second % len(ANIMALS)]}"


def now() -> str:
    """This moment in UTC: "2026-11-24T20:45:27.123456Z"."""
    nanoseconds = time.time_ns()
    seconds, rest = divmod(nanoseconds, 10**9)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest // 1000:06d}Z"


def who() -> tuple[str, str]:
    """The user and the host that this process runs as."""
    import pwd

    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = f"uid{os.getuid()}"
    return plain(user), host()


def host() -> str:
    """The name of the host that this process runs on; $CUPOLA_HOST stands in for it."""
    return plain(os.environ.get("CUPOLA_HOST") or os.uname().nodename)


def plain(text: str) -> str:
    """The text with all but letters, digits, '.', '_' and '-' replaced, so that it can be part of a file's name."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", text).lstrip(".") or "unknown"
