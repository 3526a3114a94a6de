"""What was picked in another space, as far as it can be picked in this one."""

from autocompress.search.known import Params
from autocompress.values.space import Choice, Float, Hole, Int, Order, Tree, Value, fill, holes


def translated(space: Tree, params: Params) -> Params | None:
    """All that is allowed here too; None if a hole of the recipe is left open, so that it would be another one."""
    kept = {at: params[at] for at, hole in holes(space) if at in params and allows(hole, params[at])}
    try:
        fill(space, lambda at, _: kept[at])
    except KeyError:
        return None
    return kept


def allows(hole: Hole, value: Value) -> bool:
    """Whether a hole can be filled so."""
    match hole:
        case Choice() | Order():
            return value in hole.labels
        case Int(low, high, step):
            return isinstance(value, int) and low <= value <= high and (value - low) % step == 0
        case Float(low, high, step):
            if not isinstance(value, int | float) or not low <= value <= high:
                return False
            return step is None or abs(low + step * round((value - low) / step) - value) < step * 1e-6
