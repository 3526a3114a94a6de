"""What a model is made of: layer by layer what was cut, in how many bits it is kept, and how its weights lie."""

from autocompress.reports.drawing.figures import Figures
from autocompress.reports.drawing.picture import inline
from autocompress.reports.html import Html, tag
from autocompress.reports.plural import plural
from autocompress.reports.tabled import scrolled, share, tabled
from autocompress.values.device import Device
from autocompress.values.examination import Examination, Layer
from autocompress.values.metric import show
from autocompress.values.trial import Trial

MOST = 4  # layers that are named
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
        tag("p", said, class_="quiet") if (said := _off_grid(figures.view.spec.device, seen.layers)) else None,
        _weights(figures, t, seen),
    )


def _off_grid(device: Device | None, found: tuple[Layer, ...]) -> str:
    """Convolutions that run more slowly than others as wide on this device: those that can be refused are not here."""
    convolutions = [layer for layer in found if layer.kind != "linear" and layer.after]
    odd = [layer.name for layer in convolutions if device and layer.after and device.off_grid(layer.after)]
    if device is None or not odd:
        return ""
    named = ", ".join(odd[:MOST]) + (f" and {len(odd) - MOST} more" if len(odd) > MOST else "")
    which = f"{len(odd)} of {plural(len(convolutions), 'convolution')}"
    return f"{device.id} would rather have multiples of {device.round_to} channels; {which} have others: {named}."


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
