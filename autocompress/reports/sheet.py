"""One table, three ways: aligned for a pipe, ruled for a terminal, Markdown for a comment."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

FOLDED = 10  # columns that words need at least


@dataclass(frozen=True)
class Sheet:
    """Cells under their headings. Columns are numbers, but for those named in `words`."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: tuple[str, ...] = ()

    def plain(self) -> str:
        widths = self._widths()
        text = ["  ".join(self._aligned(line, widths)).rstrip() for line in (self.header, *self.rows)]
        return "\n".join([self.title, *(f"  {line}" for line in text)]) + "\n"

    def ruled(self, width: int) -> Group:
        """Words are folded before numbers are."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        least = [FOLDED if h in self.words else w for h, w in zip(self.header, self._widths(), strict=True)]
        roomy = sum(least) + 2 * len(least) <= width
        for heading, w in zip(self.header, least, strict=True):
            left = heading in self.words
            table.add_column(
                Text(heading),
                justify="left" if left else "right",
                overflow="fold",
                min_width=w if roomy and not left else None,
            )
        for row in self.rows:
            table.add_row(*map(Text, row))
        return Group(Text(self.title, style="bold"), table)

    def markdown(self, code: Callable[[str], str]) -> str:
        """Words go through `code`, which makes them harmless; so do headings that are not plain letters."""
        left = [heading in self.words for heading in self.header]
        top = [h if h.replace(" ", "").isalpha() else code(h) for h in self.header]
        body = [[code(c) if word and c != "–" else c for c, word in zip(row, left, strict=True)] for row in self.rows]
        lines = [top, [":---" if word else "---:" for word in left], *body]
        return "\n".join([f"#### {self.title}", "", *(f"| {' | '.join(line)} |" for line in lines)]) + "\n"

    def _widths(self) -> list[int]:
        return [max(map(len, column)) for column in zip(self.header, *self.rows, strict=True)]

    def _aligned(self, line: Sequence[str], widths: Sequence[int]) -> list[str]:
        left = [heading in self.words for heading in self.header]
        return [c.ljust(w) if word else c.rjust(w) for c, w, word in zip(line, widths, left, strict=True)]
