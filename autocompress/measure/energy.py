"""Energy of one call where nobody can measure it: power times time, with the error of both."""

import math

from autocompress.values.measurement import Measurement


def energy(latency: Measurement, power_w: float, error: float) -> Measurement:
    """`error` is that of the power, relative: what the device's file says of the number it gives."""
    value = power_w * latency.value
    relative = math.hypot(error, (latency.spread or 0.0) / latency.value)
    return Measurement(
        metric="energy",
        value=value,
        how="estimated",
        on=latency.on,
        spread=value * relative,
        n=latency.n,
        note=f"{power_w:g} W ± {error:.0%} for the {latency.metric} ({latency.how})",
    )
