"""What stages of compression are, for the head, which does not know them."""

import json
from functools import cache

from autocompress.compress.stages.base import Stage
from autocompress.plugin import make
from autocompress.values.craft import Craft, Technique
from autocompress.values.recipe import canonical


def craft() -> Craft:
    return Craft(
        free=lambda stage: not _known(canonical(stage))[0], techniques=lambda stage: _known(canonical(stage))[1]
    )


@cache
def _known(text: str) -> tuple[bool, frozenset[Technique]]:
    """Whether it trains, and its techniques. A stage that cannot be made is for the trial to find out."""
    try:
        stage = make(Stage, json.loads(text))
    except ValueError:
        return True, frozenset()
    taught: set[Technique] = {"distillation"} if stage.teachers() else set()
    own: set[Technique] = {stage.technique} if stage.technique else set()
    return stage.trains, frozenset(taught | own)
