"""Each technique alone and every combination in every order: one recipe each, all trained equally long."""

from typing import Any

from autocompress.compress.stages.base import Stage
from autocompress.errors import StudyError
from autocompress.plugin import make
from autocompress.search.every import listed
from autocompress.search.known import Params, every_way
from autocompress.study.craft import craft
from autocompress.values.analysis import CASE, Analysis, Case
from autocompress.values.recipe import Recipe
from autocompress.values.space import fill
from autocompress.values.study import StudySpec

ALONE = "none of them"
Built = dict[str, Any]  # a recipe as a tree


class _Whole:
    """Every epoch that is wanted."""

    def epochs(self, wanted: int) -> int:
        return wanted


def techniques(spec: StudySpec, seeds: int) -> Analysis:
    """As cheap as the space allows, ranges in their middle. Who has fewer epochs than others trains longer at first."""
    found = {
        ", then ".join(way) or ALONE: _built(spec, params) for way, params in every_way(spec.space, craft()).items()
    }
    if len(found) < 2:
        raise StudyError(
            f"study {spec.name!r}: its space has room for one combination alone; there is nothing to compare"
        )
    most = max(map(epochs, found.values()))
    equal = {name: lengthened(tree, most) for name, tree in found.items()}
    space, fillings = listed(list(equal.values()))
    names = {Recipe.of(tree).key: name for name, tree in equal.items()}
    whole = spec.model_copy(update={"name": f"{spec.name[:50]}-techniques", "space": space})
    fewer = [name for name, tree in equal.items() if epochs(tree) < most]
    return Analysis(
        whole.name,
        f"{spec.name}: each technique and every combination, {most} epochs of training each",
        (Case("", whole, tuple(fillings), names),),
        seeds,
        scale=f"no stage of these can train longer, so they have fewer epochs: {', '.join(fewer)}" if fewer else "",
        shown=(CASE,),
    )


def epochs(tree: Built) -> int:
    """Of training, in all stages."""
    each: list[int] = [make(Stage, stage).cost(_Whole()) for stage in tree["stages"]]
    return sum(each)


def lengthened(tree: Built, most: int) -> Built:
    """So many epochs in all: the first stage that can be given just what is missing takes it; else all stays."""
    missing = most - epochs(tree)
    for place, stage in enumerate(tree["stages"]):
        settings = make(Stage, stage).model_dump()
        if "epochs" in settings:
            longer = {**stage, "epochs": settings["epochs"] + missing}
            found = {**tree, "stages": [longer if i == place else s for i, s in enumerate(tree["stages"])]}
            if epochs(found) == most:
                return found
    return tree


def _built(spec: StudySpec, params: Params) -> Built:
    return Recipe.of(fill(spec.space, lambda at, hole: params[at])).tree
