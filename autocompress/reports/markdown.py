"""Text in a comment, made harmless."""


def code(text: str) -> str:
    """Text that Markdown leaves alone: no markup, no mention, no broken table."""
    line = " ".join(text.split()).replace("`", "'").replace("|", "\\|")
    return f"`{line if len(line) <= 400 else line[:397] + '...'}`" if line else ""
