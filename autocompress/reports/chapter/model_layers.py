"""What a model is made of: layer by layer what was cut, in how many bits it is kept, and how its weights lie."""

from autocompress.reports.drawing.figures import Figures
from autocompress.reports.drawing.picture import inline
from autocompress.reports.html import Html, tag
from autocompress.reports.tabled import scrolled, share, tabled
from autocompress.values.examination import Examination, Layer
from autocompress.values.metric import show
from autocompress.values.trial import Trial

START = {"start": "trained and not yet compressed", "baseline": "in the baseline"}


def layers(figures: Figures, t: Trial, seen: Examination) -> Html | None:
    if not seen.layers:
        return None
    heads = ("layer", "kind", "channels", "kept", "weights", "zeros", "bits", "MACs", "stored")
    table = tabled(heads, map(_row, seen.layers), words={heads.index("kind")})
    return tag(
        "div",
        tag("h3", f"{len(seen.layers)} layers"),
        scrolled(table, f"Layers of trial {t.number}"),
        _weights(figures, t, seen),
    )


def _row(layer: Layer) -> tuple[str, ...]:
    before, after = layer.before, layer.after
    channels = f"{after[0]} → {after[1]}" if after else "–"
    if before and after and before != after:
        channels = f"{before[0]} → {before[1]} cut to {after[0]} → {after[1]}"
    kept = share(layer.kept) if layer.kept is not None else "–"
    zeros = 1 - layer.nonzero / layer.weights if layer.weights else 0.0
    return (
        tag("code", layer.name),
        layer.kind,
        channels,
        kept,
        show("params", layer.weights),
        f"{100 * zeros:.0f} %" if zeros >= 0.005 else "0",
        f"{layer.weight_bits:g} × {layer.activation_bits:g}",
        show("macs", layer.macs),
        show("size", layer.stored_bytes) if layer.stored_bytes is not None else "–",
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
