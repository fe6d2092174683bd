"""placeholder, being written"""


def main(argv: list[str]) -> int:
    return 0
