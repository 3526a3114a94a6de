"""Mean and spread of each colour channel, of pixels scaled to [0, 1]."""

import numpy as np

from autocompress.data.base import Album, Images

# Of an album this many images are read, drawn with a fixed seed: 1.4 s. All of them would take minutes, and differ by
# less than 0.01 (the means of photographs are 0.15 or so apart, and 0.15 / sqrt(1000) is 0.005).
SAMPLE = 1000
AT_ONCE = 256


def moments(x: Images | Album) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """By counting the 256 levels: exact, and no float copy of the images. A channel without contrast gets spread 1."""
    places = np.arange(len(x))
    if not isinstance(x, np.ndarray):
        places = np.sort(np.random.default_rng(0).permutation(places)[:SAMPLE])
    counts = np.zeros((x.shape[1], 256), dtype=np.int64)
    for start in range(0, len(places), AT_ONCE):
        some = x[places[start : start + AT_ONCE]]
        counts += [np.bincount(some[:, channel].reshape(-1), minlength=256) for channel in range(x.shape[1])]
    levels = np.arange(256) / 255
    means, spreads = [], []
    for count in counts:
        share = count / count.sum()
        mean = float(share @ levels)
        means.append(mean)
        spreads.append(float(share @ (levels - mean) ** 2) ** 0.5 or 1.0)
    return tuple(means), tuple(spreads)
