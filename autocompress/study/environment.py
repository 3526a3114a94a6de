"""What a study ran on: versions, machine, commit. Recorded with it, so that its numbers can be judged later."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "autocompress",
    "optuna",
    "torch",
    "torchvision",
    "torch-pruning",
    "onnx",
    "onnxruntime",
    "numpy",
    "scikit-learn",
)


def environment() -> dict[str, str]:
    """Package versions, machine and git commit, as far as they can be known."""
    facts = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.platform()}
    facts["processor"] = _processor()
    facts["cores"] = str(os.cpu_count() or 1)
    for name in PACKAGES:
        try:
            facts[name] = version(name)
        except PackageNotFoundError:
            facts[name] = "not installed"
    commit = _commit()
    return facts | ({"commit": commit} if commit else {})


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def _commit() -> str:
    """Of the checkout this package lies in; empty when it was installed from a wheel."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
