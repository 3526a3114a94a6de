"""How a runtime wants quantized numbers written, so that it runs them as integers."""

from typing import NamedTuple


class Dialect(NamedTuple):
    """One network is frozen into any of these; what it answers is the same."""

    signed: bool = False  # activations count from -128, not from 0
    one_reader: bool = False  # each operation dequantizes for itself, even what others read too
    folded: bool = True  # weights are stored as integers, not as numbers that a tool of the runtime rounds
