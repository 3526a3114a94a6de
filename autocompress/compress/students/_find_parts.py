"""Find the stages and the head of a network that nobody has described, by watching an image go through it."""

from collections import Counter
from collections.abc import Callable
from math import prod
from typing import NamedTuple

from torch import Tensor, nn

from autocompress.compress.students.base import Parts

SIZED = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, nn.BatchNorm2d)  # what these give is a map for certain
REMEMBERED = "_parts_found"


class Seen(NamedTuple):
    name: str
    module: nn.Module
    shape: tuple[int, ...]


def find_parts(net: nn.Module, run: Callable[[], object], classes: int) -> tuple[object, Parts]:
    """What `run` answers, and the parts that ran meanwhile. What was not found is empty."""
    seen: list[Seen] = []
    handles = []
    for name, module in net.named_modules():

        def see(module: nn.Module, args: tuple[object, ...], output: object, name: str = name) -> None:
            if isinstance(output, Tensor) and name:
                seen.append(Seen(name, module, tuple(output.shape)))

        handles.append(module.register_forward_hook(see))
    try:
        answer = run()
    finally:
        for handle in handles:
            handle.remove()
    place = next((i for i in reversed(range(len(seen))) if _is_head(seen[i].module, classes)), None)
    body = seen[:place]
    return answer, Parts(_blocks(body) or _maps(body), "" if place is None else seen[place].name)


def remember(net: nn.Module, parts: Parts) -> None:
    """On the network itself, so that they are known where no image is at hand, and of a copy, and after a cut."""
    setattr(net, REMEMBERED, parts)


def remembered(net: nn.Module) -> Parts:
    parts = getattr(net, REMEMBERED)
    assert isinstance(parts, Parts)
    return parts


def quarters(blocks: tuple[str, ...]) -> tuple[str, ...]:
    """Of many equal blocks, the last of each quarter."""
    places = {-(-len(blocks) * quarter // 4) - 1 for quarter in (1, 2, 3, 4)}
    return tuple(blocks[place] for place in sorted(places) if place >= 0)


def _is_head(module: nn.Module, classes: int) -> bool:
    """The last of these to run is the classifier."""
    if isinstance(module, nn.Conv2d):
        return module.kernel_size == (1, 1) and module.out_channels == classes
    return isinstance(module, nn.Linear) and module.out_features == classes


def _blocks(seen: list[Seen]) -> tuple[str, ...]:
    """Of a transformer: the kind of block that gives tokens most often; the outer one, if another is inside of each."""
    tokens = [s for s in seen if len(s.shape) == 3 and any(True for _ in s.module.children())]
    kinds = Counter((type(s.module), s.name.count(".")) for s in tokens)
    if not kinds or max(kinds.values()) == 1:
        return ()
    kind = max(kinds, key=lambda kind: (kinds[kind], -kind[1]))
    return quarters(tuple(s.name for s in tokens if (type(s.module), s.name.count(".")) == kind))


def _maps(seen: list[Seen]) -> tuple[str, ...]:
    """The last map of each size, as it leaves the outermost module. Maps that are scaled up again are detours."""
    sizes = {s.shape[2:] for s in seen if isinstance(s.module, SIZED) and len(s.shape) == 4}
    stages: dict[tuple[int, ...], Seen] = {}
    largest = 1
    for s in reversed(seen):
        if len(s.shape) != 4 or s.shape[2:] not in sizes or prod(s.shape[2:]) < largest:
            continue
        largest = prod(s.shape[2:])
        known = stages.get(s.shape[2:])
        if known is None or s.name.count(".") < known.name.count("."):
            stages[s.shape[2:]] = s
    if len(stages) > 1:
        stages.pop((1, 1), None)  # it says nothing that the embedding does not
    return tuple(s.name for s in reversed(stages.values()))
