"""A teacher's answers to every training example in one view: asked once, by whichever trial comes first."""

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor

from autocompress.compress.shelf import Shelf

ROOM = 256 * 2**20  # bytes of answers, of all views together


class Kept:
    """In memory as far as there is room, and on a shelf if there is one. Equal keys must mean equal answers."""

    def __init__(self, shelf: Shelf | None = None, room: int = ROOM) -> None:
        self._shelf, self._room = shelf, room
        self._held: OrderedDict[str, Tensor] = OrderedDict()

    def views(self, examples: int, classes: int) -> int:
        """How many views of a training split there is room for; 0 if not even one fits."""
        return self._room // (examples * classes * torch.float32.itemsize)

    def fetch(self, key: str, ask: Callable[[], Tensor], device: torch.device) -> Tensor:
        """The answers under `key`, held on the device; `ask` makes them if nobody has yet."""
        if key not in self._held:
            self._held[key] = self._fetched(key, ask).to(device)
            while len(self._held) > 1 and sum(map(_bytes, self._held.values())) > self._room:
                self._held.popitem(last=False)
        self._held.move_to_end(key)
        return self._held[key]

    def _fetched(self, key: str, ask: Callable[[], Tensor]) -> Tensor:
        if self._shelf is None:
            return ask()
        with self._shelf.claim(key):
            found = self._shelf.get(key)
            if found is not None:
                return found["answers"]
            answers = ask()
            self._shelf.put(key, {"answers": answers})
            return answers


def _bytes(x: Tensor) -> int:
    return x.numel() * x.element_size()
