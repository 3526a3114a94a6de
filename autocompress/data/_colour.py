"""Mean and spread of each colour channel, of pixels scaled to [0, 1]."""

import numpy as np

from autocompress.data.base import Images


def moments(x: Images) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """By counting the 256 levels: exact, and no float copy of the images. A channel without contrast gets spread 1."""
    levels = np.arange(256) / 255
    means, spreads = [], []
    for channel in range(x.shape[1]):
        share = np.bincount(x[:, channel].reshape(-1), minlength=256) / x[:, channel].size
        mean = float(share @ levels)
        means.append(mean)
        spreads.append(float(share @ (levels - mean) ** 2) ** 0.5 or 1.0)
    return tuple(means), tuple(spreads)
