"""Tables on a page: what a row is about, then its cells; a share as a bar; a box in which what is wide is scrolled."""

from collections.abc import Collection, Iterable, Sequence

from autocompress.reports.html import Child, Html, join, tag


def tabled(
    heads: Sequence[str], rows: Iterable[Sequence[Child]], *, words: Collection[int] = (), kind: str | None = None
) -> Html:
    """The first cell of a row is its heading. Columns are numbers, but for those whose places are in `words`."""

    def cell(place: int, child: Child, name: str, **more: str) -> Html:
        said = {"class_": "text"} if place in words else {}
        return tag(name, child, **more, **said) if child else tag("td", **said)  # a heading without text is none

    head = tag("thead", tag("tr", *(cell(i, h, "th", scope="col") for i, h in enumerate(heads)))) if heads else None
    body = (
        tag("tr", *(cell(i, c, "td") if i else cell(i, c, "th", scope="row") for i, c in enumerate(row)))
        for row in rows
    )
    return tag("table", head, tag("tbody", *body), **({"class_": kind} if kind else {}))


def share(part: float, kind: str = "") -> Html:
    """Of a whole, as a small bar and in percent."""
    bar = tag("span", tag("i", style=f"width:{100 * part:.0f}%"), class_=f"share {kind}".strip())
    return join(bar, f" {100 * part:.0f} %")


def scrolled(inside: Html, name: str, kind: str = "") -> Html:
    """On a narrow screen it is moved to the side, by keys too; `name` is for those who do not see it."""
    return tag("div", inside, class_=f"scroll {kind}".strip(), tabindex="0", role="region", aria_label=name)
