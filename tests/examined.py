"""Models that were looked into, made up: what the chapter about single models is given."""

import base64
import struct
import zlib

from autocompress.values.examination import (
    Answers,
    Bin,
    Calibration,
    Changes,
    Class,
    Examination,
    Heat,
    Histogram,
    Layer,
    Light,
    Look,
    Mean,
)
from autocompress.values.measurement import Measurement

ACCURACY = Measurement(metric="accuracy", value=0.9, how="measured", on="test")


def examined(classes: int = 4, layers: int = 3, word: str = "") -> Examination:
    """Of ten images in each class the last one is taken for the next class; `word` makes names long."""
    names = [f"class {i}{word}" for i in range(classes)]
    error = Mean(value=0.021, spread=0.004, n=10 * classes)
    return Examination(
        model="d" * 64,
        layers=tuple(_layer(i, word) for i in range(layers)),
        weights_before="start",
        answers=Answers(
            accuracy=ACCURACY,
            classes=tuple(Class(name=name, n=10, right=9, baseline_right=10) for name in names),
            mixed_up=tuple((i, (i + 1) % classes, 1) for i in range(classes)),
            calibration=Calibration(
                error=error,
                bins=(Bin(n=0), Bin(n=3, confidence=0.62, accuracy=0.5), Bin(n=37, confidence=0.97, accuracy=0.99)),
                baseline_error=error,
            ),
        ),
        changes=Changes(
            both_right=36, lost=3, gained=0, same_mistake=1, other_mistake=0,
            lost_images=(3, 17, 29), agreement=Mean(value=0.925, n=40), divergence=Mean(value=0.0312, n=40),
        ),
        light=Light(
            changed=("brightness", "contrast"),
            strengths=(0.0, 0.4),
            accuracy=(Mean(value=0.9, n=40), Mean(value=0.8, n=40)),
        ),
        heat=Heat(
            grid=(2, 2),
            looks=tuple(
                Look(image=i, truth=names[0], answer=names[1], baseline_answer=names[0], picture=DOT, heat=DOT,
                     baseline_heat=DOT, similarity=-0.25)
                for i in range(2)
            ),
            similarity=Mean(value=0.5, spread=0.1, n=2),
        ),
        notes={"weights": "nobody knows"},
    )  # fmt: skip


def _layer(place: int, word: str) -> Layer:
    """Half of what comes out of it was cut."""
    return Layer(
        name=f"stages.{place}.conv{word}",
        kind="conv 3x3",
        before=(8, 16),
        after=(8, 8),
        weights=576,
        nonzero=432,
        macs=36_864,
        weight_bits=8,
        activation_bits=8,
        stored_bytes=576,
        histogram=Histogram(reach=0.5, before=(10, 30, 10), after=(5, 20, 5)),
    )


def _dot() -> str:
    """The smallest picture there is: one grey pixel."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    png = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\x80")) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + png).decode()


DOT = _dot()
