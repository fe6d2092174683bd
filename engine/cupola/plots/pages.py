"""HTML pages of one file: nothing in them is fetched from anywhere, and no text of a record is markup."""

from typing import Any

from cupola.plots.svg import words

STYLE = """
body { font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; color: #1c2733 }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { margin-bottom: 0 } h2 { margin-top: 2.2rem; border-bottom: 1px solid #e3e7eb }
table { border-collapse: collapse } td, th { text-align: left; padding: .15rem 1.2rem .15rem 0; vertical-align: top }
th { font-weight: 600; color: #66727f } .number { text-align: right; font-variant-numeric: tabular-nums }
pre { background: #f5f7f9; padding: .8rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere }
svg, img { max-width: 100%; height: auto } .wide { overflow-x: auto }
.said { white-space: pre-wrap }
.Completed { color: #1d7a3c } .Failed { color: #b3261e } .Stopped { color: #8a6d1d } .dim { color: #66727f }
"""
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}</body>
</html>
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(title: str, body: str) -> str:
    """A whole page around a body that is HTML already."""
    return PAGE.format(policy=POLICY, title=words(title), style=STYLE, body=body)


def section(title: str, content: str) -> str:
    """A heading and what stands under it; nothing where that is nothing."""
    return f"<h2>{words(title)}</h2>\n{content}\n" if content else ""


def facts(pairs: dict[str, Any]) -> str:
    """Names and values; what is empty is left out."""
    shown = {name: value for name, value in pairs.items() if value not in (None, "", [], {})}
    lines = (f"<tr><th>{words(str(name))}</th><td>{words(text(value))}</td></tr>" for name, value in shown.items())
    return f"<table>{''.join(lines)}</table>" if shown else ""


def text(value: Any) -> str:
    """A value as people read it, not escaped yet."""
    match value:
        case str():
            return value
        case float():
            return f"{value:.6g}"
        case list() | tuple():
            return ", ".join(text(one) for one in value)
        case dict():
            return ", ".join(f"{name}={text(one)}" for name, one in value.items())
        case None:
            return "—"
    return str(value)


def table(heads: list[str], rows: list[list[str]]) -> str:
    """Rows under their headings; nothing where there are none."""
    head = "".join(f"<th>{words(one)}</th>" for one in heads)
    body = "".join(f"<tr>{''.join(f'<td>{words(one)}</td>' for one in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>' if rows else ""
