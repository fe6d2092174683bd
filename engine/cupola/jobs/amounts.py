"""Amounts as people write them: memory ("2G"), durations ("90s", "2h", "1d12h")."""

import re

from cupola.errors import BadOption

SIZES = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LONGEST = 100 * 366 * 86400.0  # seconds


def size(text: str | None, option: str = "--memory") -> int | None:
    """Bytes: "2G", "512M", "1.5GiB", "1000000"; None stays None."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", text.strip(), re.IGNORECASE)
    if not match:
        raise BadOption(f"{option} takes an amount of memory, not {text!r}", hint="512M, 2G")
    return int(float(match[1]) * SIZES[match[2].lower()])


def written(size: int) -> str:
    """Bytes as `size` reads them: "2G", "512M"."""
    unit = next(one for one in ("t", "g", "m", "k", "") if size % SIZES[one] == 0)
    return f"{size // SIZES[unit]}{unit.upper()}"


def seconds(text: str | None, option: str = "--max-runtime") -> float | None:
    """Seconds: "90", "90s", "15m", "1h30m", "2d"; None stays None."""
    if text is None:
        return None
    if re.fullmatch(r"\d+(\.\d+)?", text.strip()):
        return _bounded(float(text), text, option)
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[smhd])", text.strip())
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        raise BadOption(f"{option} takes a duration, not {text!r}", hint="90s, 15m, 1h30m")
    return _bounded(sum(float(number) * SECONDS[unit] for number, unit in parts), text, option)


def _bounded(found: float, text: str, option: str) -> float:
    if found > LONGEST:
        raise BadOption(f"{option} {text[:40]} is longer than a hundred years", hint="90s, 15m, 30d")
    return found
