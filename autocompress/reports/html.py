"""HTML by construction: text is escaped where it enters a tag, so nothing a study contains can become markup."""

import html

VOID = {"meta", "br", "input", "img"}


class Html(str):
    """Text that is already HTML."""

    __slots__ = ()


Child = str | None


def tag(name: str, /, *children: Child, **attributes: str) -> Html:
    """`tag("p", "a < b", class_="note")` is `<p class="note">a &lt; b</p>`. None leaves no trace."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{html.escape(v)}"' for key, v in attributes.items())
    if name in VOID:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}>{join(*children)}</{name}>")


def join(*children: Child) -> Html:
    """Children in a row, each escaped unless it is HTML."""
    return Html("".join(c if isinstance(c, Html) else html.escape(c) for c in children if c is not None))
