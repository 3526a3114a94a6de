"""Where a model looks: Grad-CAM of the baseline and of the model over the same test images."""

from autocompress.reports.against import MINUS
from autocompress.reports.html import Html, tag
from autocompress.values.examination import Examination, Look


def looks(seen: Examination) -> Html | None:
    if seen.heat is None or not seen.heat.looks:
        return None
    same = seen.heat.similarity
    often = (
        f" over {same.n} images {same.value:.2f}" + (f" ± {same.spread:.2f}" if same and same.spread else "")
        if same
        else ""
    )
    said = (
        f"Grad-CAM: what speaks for the answer each network gives. Likeness of the two maps (SSIM, 1 is equal):{often}."
    )
    return tag(
        "div",
        tag("h3", "Where it looks"),
        tag("p", said, class_="quiet") if same else None,
        tag("div", *map(_look, seen.heat.looks), class_="looks"),
    )


def _look(look: Look) -> Html:
    there = look.baseline_heat is not None
    pictures = [
        _seen(look, None, f"image {look.image}: {look.truth}"),
        _seen(look, look.baseline_heat, f"baseline: {look.baseline_answer}") if there else None,
        _seen(look, look.heat, f"model: {look.answer}"),
    ]
    like = tag("small", f"likeness {look.similarity:.2f}".replace("-", MINUS)) if look.similarity is not None else None
    return tag("div", *pictures, like, class_="look")


def _seen(look: Look, heat: str | None, said: str) -> Html:
    layers = [tag("img", src=f"data:image/png;base64,{picture}", alt=said if i == 0 else "")
              for i, picture in enumerate(p for p in (look.picture, heat) if p)]  # fmt: skip
    return tag("figure", tag("div", *layers, class_="stack"), tag("figcaption", said))
