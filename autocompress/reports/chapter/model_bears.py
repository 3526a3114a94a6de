"""What the layers of a model bear to lose, each alone, if that was analysed."""

from autocompress.reports.html import Html, tag
from autocompress.reports.tabled import scrolled, tabled
from autocompress.values.borne import Borne, Layer
from autocompress.values.metric import show


def bears(found: Borne | None, whose: str) -> Html | None:
    if found is None or not found.layers:
        return None
    points = "a point" if found.drop == 0.01 else f"{100 * found.drop:g} points"
    dense = show("accuracy", found.dense.value, found.dense.spread)
    said = (
        f"Accuracy in % after one layer alone has lost this share of its {found.how}; before, {dense} of "
        f"{found.dense.n} validation images. Cap: the largest of these that costs {points} or less."
    )
    heads = ("layer", found.what, *(f"{ratio:g}" for ratio in found.ratios), "cap")
    rows = [
        (tag("code", one.name), str(one.size), *_accuracies(one), "–" if one.cap is None else f"{one.cap:g}")
        for one in found.layers
    ]  # fmt: skip
    table = scrolled(tabled(heads, rows, kind="small"), f"What the layers of {whose} bear to lose")
    return tag("div", tag("h3", "What each layer bears to lose"), tag("p", said, class_="quiet"), table)


def _accuracies(one: Layer) -> list[str]:
    """Nothing where channels go in larger steps."""
    return [f"{100 * a:.2f}" if k < one.size else "–" for a, k in zip(one.accuracy, one.kept, strict=True)]
