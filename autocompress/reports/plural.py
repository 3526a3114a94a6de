"""So many of something, in words."""


def plural(many: int, what: str) -> str:
    """`1 model`, `9 models`."""
    return f"{many} {what}{'s' if many != 1 else ''}"
