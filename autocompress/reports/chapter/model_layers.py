"""What a model is made of: layer by layer what was cut, in how many bits it is kept, and how its weights lie."""

from autocompress.reports.drawing.figures import Figures
from autocompress.reports.drawing.picture import inline
from autocompress.reports.html import Html, tag
from autocompress.values.examination import Examination, Layer
from autocompress.values.metric import show
from autocompress.values.trial import Trial

START = {"start": "trained and not yet compressed", "baseline": "in the baseline"}


def layers(figures: Figures, t: Trial, seen: Examination) -> Html | None:
    if not seen.layers:
        return None
    heads = ("layer", "kind", "channels", "kept", "weights", "zeros", "bits", "MACs", "stored")
    table = tag(
        "table",
        tag(
            "thead",
            tag("tr", *(tag("th", h, scope="col", **({"class_": "text"} if h == "kind" else {})) for h in heads)),
        ),
        tag("tbody", *map(_row, seen.layers)),
    )
    return tag(
        "div",
        tag("h3", f"{len(seen.layers)} layers"),
        tag("div", table, class_="scroll", tabindex="0", role="region", aria_label=f"Layers of trial {t.number}"),
        _weights(figures, t, seen),
    )


def _row(layer: Layer) -> Html:
    before, after = layer.before, layer.after
    channels = f"{after[0]} → {after[1]}" if after else "–"
    if before and after and before != after:
        channels = f"{before[0]} → {before[1]} cut to {after[0]} → {after[1]}"
    kept = (
        tag("span", tag("i", style=f"width:{100 * layer.kept:.0f}%"), class_="share") if layer.kept is not None else ""
    )
    zeros = 1 - layer.nonzero / layer.weights if layer.weights else 0.0
    return tag(
        "tr",
        tag("th", tag("code", layer.name), scope="row"),
        tag("td", layer.kind, class_="text"),
        tag("td", channels),
        tag("td", kept, f" {100 * layer.kept:.0f} %" if layer.kept is not None else "–", class_="often"),
        tag("td", show("params", layer.weights)),
        tag("td", f"{100 * zeros:.0f} %" if zeros >= 0.005 else "0"),
        tag("td", f"{layer.weight_bits:g} × {layer.activation_bits:g}"),
        tag("td", show("macs", layer.macs)),
        tag("td", show("size", layer.stored_bytes) if layer.stored_bytes is not None else "–"),
    )


def _weights(figures: Figures, t: Trial, seen: Examination) -> Html | None:
    """How the weights of each layer lie, before and after."""
    svg = figures.weights.get(t.number)
    if svg is None:
        return None
    beside = f"; outlined: {START[seen.weights_before]}" if seen.weights_before else ""
    said = f"Weights that are not 0, layer by layer{beside}."
    still = tag("div", Html(inline(svg, f"weights-{t.number}")), class_="canvas", role="img", aria_label=said)
    return tag("figure", still, tag("figcaption", said, class_="quiet"), class_="chart still")
