"""The charts of a study, by name: the page, a folder of pictures and notebooks all show these."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from altair.utils.schemapi import debug_mode

from autocompress.reports.drawing import parallel
from autocompress.reports.drawing.bars import importance_chart, shares_chart
from autocompress.reports.drawing.growth import growth_chart
from autocompress.reports.drawing.picture import Picture
from autocompress.reports.drawing.points import Points
from autocompress.reports.drawing.tradeoff import beyond, tradeoff
from autocompress.reports.drawing.weights import weights_chart
from autocompress.reports.view import StudyView
from autocompress.values.metric import known

WIDE, HALF = 700, 470  # pixels, where nobody says how wide
MOST_BARS = 10
MOST_MODELS = 8  # whose weights are drawn


@dataclass(frozen=True)
class Figures:
    """Everything that can be drawn of a study; what it holds too little for is not there."""

    view: StudyView

    @cached_property
    def points(self) -> Points:
        return Points(self.view)

    @cached_property
    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """What several charts look at."""
        return {"points": self.points.rows, "recipes": parallel.recipes(self.points, self.rails)}

    @cached_property
    def all(self) -> Mapping[str, Picture]:
        with debug_mode(False):  # the specifications are checked by tests, not for each reader again
            return {picture.name: picture for picture in self._every()}

    @cached_property
    def svgs(self) -> Mapping[str, str]:
        """Each drawn once, for the page and for paper."""
        return {name: picture.svg(self.tables) for name, picture in self.all.items()}

    @cached_property
    def weights(self) -> Mapping[int, str]:
        """How the weights of models lie; of many models only of the first MOST_MODELS, the picks among them."""
        view = self.view
        picks = [p.trial.number for p in view.picks.values()]
        wanted = dict.fromkeys([*picks, *(t.number for t in view.front.members)])
        found: dict[int, str] = {}
        for number in [n for n in wanted if n in view.examinations][:MOST_MODELS]:
            with debug_mode(False):
                chart = weights_chart(view.examinations[number].layers or (), width=HALF + 100)
            if chart is not None:
                found[number] = Picture(f"weights-{number}", "", chart).svg({})
        return found

    @cached_property
    def tradeoffs(self) -> list[Picture]:
        """The large one first: what is to be improved upwards, what it costs to the right."""
        axes = self.points.axes
        if len(axes) < 2:
            return []
        up = next((i for i, a in enumerate(axes) if a.better > 0), 0)
        others = [i for i in range(len(axes)) if i != up]
        right = next((i for i in others if axes[i].metric.startswith("latency")), others[0])
        pairs = [(right, up), *((i, up) for i in others if i != right)]
        pairs += [(i, j) for k, i in enumerate(others) for j in others[k + 1 :]]
        return [self._tradeoff(x, y, large=n == 0) for n, (x, y) in enumerate(pairs)]

    @cached_property
    def rails(self) -> list[parallel.Rail]:
        return parallel.rails(self.points) if self.points.drawn else []

    def _tradeoff(self, x: int, y: int, *, large: bool) -> Picture:
        ax, ay = self.points.axes[x], self.points.axes[y]
        names = f"{known(ay.metric).title} against {known(ax.metric).title}"
        rows = self.points.rows
        kinds = {kind: sum(r["kind"] == kind for r in rows) for kind in ("front", "noise", "beaten", "breaks")}
        said = (
            f"{names}: {kinds['front']} on the front, {kinds['noise']} within noise of it, {kinds['beaten']} beaten, "
            f"{kinds['breaks']} beyond a limit. The table of the front holds the same numbers."
        )
        out = beyond(self.points, x, y)
        caption = f"{out} {'trial lies' if out == 1 else 'trials lie'} beyond the frame." if out else ""
        size = {"width": WIDE, "height": 400} if large else {"width": HALF, "height": 290}
        chart = tradeoff(self.points, x, y, large=large, **size)
        return Picture(f"{ay.metric}-{ax.metric}".replace("_", "-"), said, chart, ("points",), caption)

    def _every(self) -> Iterator[Picture]:
        yield from self.tradeoffs
        if len(self.points.drawn) >= 2 and len(self.rails) >= 2:
            titles = ", ".join(rail.title for rail in self.rails)
            chart = parallel.parallel(self.points, self.rails, width=WIDE + 300, height=330)
            yield Picture("recipes", f"One line per trial through {titles}.", chart, ("recipes",))
        ours, chance = self.view.growth
        if ours[-1].volume > 0:
            for over in ("trials", "seconds"):
                if over == "seconds" and not ours[-1].seconds:
                    continue
                said = f"Hypervolume over {over}: it rose {len([s for s in ours if s.volume])} times."
                chart = growth_chart(ours, chance, over, width=HALF, height=260)
                yield Picture(f"growth-{over}", said, chart)
        if bars := self._importance():
            yield bars
        parts = self.view.parts
        if len(parts) > 1 and parts[0].volume > 0:
            whole = parts[0].volume
            rows = [(p.name, p.volume / whole, f"{100 * p.volume / whole:.0f} %") for p in parts]
            said = "Hypervolume: " + ", ".join(f"{name} {text}" for name, _, text in rows)
            yield Picture("techniques", f"{said}.", shares_chart(rows, width=WIDE))

    def _importance(self) -> Picture | None:
        found = {known(m).title: shares for m, shares in self.view.importance.items() if shares}
        if not found:
            return None
        total: dict[str, float] = {}
        for shares in found.values():
            for name, share in shares.items():
                total[name] = total.get(name, 0.0) + share
        names = sorted(total, key=lambda n: (-total[n], n))[:MOST_BARS]
        heads = [f"{title}: {max(shares, key=lambda n: shares[n])} most" for title, shares in found.items()]
        return Picture(
            "importance", f"What mattered to {'; '.join(heads)}.", importance_chart(found, names, width=HALF)
        )
