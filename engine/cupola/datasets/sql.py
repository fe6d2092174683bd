"""Names and texts as SQL writes them."""


def sql_names(names: list[str]) -> list[str]:
    """What SQL calls columns of these names: it does not tell `Age` from `age`, so the second becomes age_1."""
    found: dict[str, str] = {}
    taken = {name.casefold() for name in names}
    for name in names:
        free, number = name, 0
        while free.casefold() in found or (number and free.casefold() in taken):
            number += 1
            free = f"{name}_{number}"
        found[free.casefold()] = free
    return list(found.values())


def identifier(name: str) -> str:
    """A name of a table or a column in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"
