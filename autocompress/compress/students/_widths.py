"""How wide a layer is when its family is made wider or narrower."""

from typing import Annotated

from pydantic import Field

Times = Annotated[float, Field(gt=0, le=4)]  # the published width, or depth
Step = Annotated[int, Field(ge=1, le=256)]


def rounded(width: float, step: int) -> int:
    """The nearest multiple of `step`, but not a tenth below `width` (Sandler et al. 2018, arXiv 1801.04381)."""
    near = max(step, int(width + step / 2) // step * step)
    return near if near >= 0.9 * width else near + step
