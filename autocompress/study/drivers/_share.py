"""What workers are told that share a machine: how many threads are theirs, and how much of its memory."""

import os

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TORCHINDUCTOR_COMPILE_THREADS")
SHARED = "AUTOCOMPRESS_SHARED_BY"  # workers on one GPU, or in one main memory: each may fill its part of what is free


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def told(threads: int, together: int) -> dict[str, str]:
    """Their environment. What a person has said about OpenMP holds for all: torch would take the largest of them."""
    many = os.environ.get(THREADS[0], str(threads))
    return {**dict.fromkeys(THREADS, many), SHARED: str(together)}
