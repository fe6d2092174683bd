"""A card as a page: Markdown, for a terminal and for a repository, or one HTML file."""

from typing import Any

from cupola.plots import pages
from cupola.plots.svg import words

Sections = dict[str, Any]  # by heading: a text, facts as a dict, a table as a list of dicts


def markdown(title: str, sections: Sections) -> str:
    """The card in Markdown. What people wrote is taken as the Markdown that it is, every value of a record as text."""
    parts = [f"# {_plain(title)}"]
    for heading, content in sections.items():
        parts += [f"## {heading}"] if heading else []
        parts.append(_markdown(content))
    return "\n\n".join(part for part in parts if part) + "\n"


def html(title: str, sections: Sections) -> str:
    """The card as a page of its own, in which no text is markup."""
    parts = [f"<h1>{words(title)}</h1>\n"]
    for heading, content in sections.items():
        shown = _html(content)
        parts.append(pages.section(heading, shown) if heading else shown)
    return pages.page(title, "".join(parts))


def _markdown(content: Any) -> str:
    match content:
        case str():
            return content
        case dict():
            return "\n".join(f"- {_plain(name)}: {_plain(value)}" for name, value in content.items() if _is_said(value))
    heads = list(content[0])
    rows = [heads, ["---"] * len(heads), *([_plain(row[head]) for head in heads] for row in content)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _html(content: Any) -> str:
    match content:
        case str():
            return f'<p class="said">{words(content)}</p>'
        case dict():
            return pages.facts(content)
    heads = list(content[0])
    return pages.table(heads, [[pages.text(row[head]) for head in heads] for row in content])


def _is_said(value: Any) -> bool:
    return value not in (None, "", [], {})


def _plain(value: Any) -> str:
    """A value in which nothing is markup: in one line, with what Markdown would read as a sign of its own escaped."""
    line = " ".join(pages.text(value).split())
    return "".join(f"\\{one}" if one in "\\`*_{}[]<>|#!" else one for one in line)
