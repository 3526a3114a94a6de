"""How alike two pictures are to the eye: structural similarity (Wang et al. 2004, doi 10.1109/TIP.2003.819861)."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

WINDOW, SIGMA = 11, 1.5  # pixels, as published
K1, K2 = 0.01, 0.03

Maps = NDArray[np.float64]  # N, H, W; from 0 to 1


def ssim(one: Maps, other: Maps) -> NDArray[np.float64]:
    """Of each pair, the mean over all places where the window fits: 1 where both are equal, never more.

    The window is a Gaussian; of pictures that are smaller than it, the largest odd one that fits.
    """
    if one.shape != other.shape or one.ndim != 3:
        raise ValueError(f"wants two stacks of pictures of one size, got {one.shape} and {other.shape}")
    x, y = _seen(one), _seen(other)
    own_x, own_y, shared = _seen(one * one) - x * x, _seen(other * other) - y * y, _seen(one * other) - x * y
    light = (2 * x * y + K1**2) / (x * x + y * y + K1**2)
    form = (2 * shared + K2**2) / (own_x + own_y + K2**2)
    found: NDArray[np.float64] = (light * form).mean((1, 2))
    return found


def _seen(maps: Maps) -> Maps:
    """Weighted means over the window, along one side and then the other."""
    window = _window(min(maps.shape[1:]))
    for side in (1, 2):
        maps = sliding_window_view(maps, len(window), axis=side) @ window
    return maps


def _window(side: int) -> NDArray[np.float64]:
    width = min(WINDOW, side - (side + 1) % 2)
    weights = np.exp(-((np.arange(width) - width // 2) ** 2) / (2 * SIGMA**2))
    found: NDArray[np.float64] = weights / weights.sum()
    return found
