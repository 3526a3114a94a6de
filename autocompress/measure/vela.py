"""What a network would take on an Arm Ethos-U, as Arm's own compiler for it estimates. Nothing is run."""

import csv
import tempfile
from pathlib import Path
from typing import NamedTuple

from autocompress.errors import Failure
from autocompress.measure import workers

WORKER = "vela"
KIB = 1024
USUAL = {  # sections of the compiler's own vela.ini: the system around the accelerator, and where it keeps what
    "ethos-u55": ("Ethos_U55_High_End_Embedded", "Shared_Sram"),
    "ethos-u65": ("Ethos_U65_High_End", "Dedicated_Sram"),
    "ethos-u85": ("Ethos_U85_SYS_DRAM_Mid", "Dedicated_Sram"),
}


class Estimate(NamedTuple):
    """Of one image. Bytes are those of the accelerator's own: none of the runtime, none of what is left to the CPU."""

    sram: float  # at the peak
    dram: float
    flash: float  # weights as the accelerator reads them, packed without loss: fewer bits are fewer bytes
    cycles: float
    seconds: float
    clock: float  # Hz
    left: int  # operators that the CPU has to do: in neither cycles nor seconds
    version: str


def vela(
    tflite: Path, accelerator: str = "ethos-u55-128", system: str | None = None, memory: str | None = None
) -> Estimate:
    """Of a file of integers throughout. `system` and `memory` are sections of vela.ini; none: the usual ones."""
    family = accelerator.rpartition("-")[0]
    if family not in USUAL:
        raise ValueError(f"no accelerator is called {accelerator!r}; wants one such as ethos-u55-128")
    system, memory = system or USUAL[family][0], memory or USUAL[family][1]
    with tempfile.TemporaryDirectory(prefix="autocompress-") as name:
        arguments = [str(tflite.resolve()), "--output-dir", name, "--accelerator-config", accelerator]
        arguments += ["--config", "Arm/vela.ini", "--system-config", system, "--memory-mode", memory]
        said = workers.ask(WORKER, {"do": "vela", "arguments": arguments})
        tables = list(Path(name).glob("*_summary_*.csv"))
        if not tables:
            raise Failure("measure", f"vela left no summary of {tflite.name}")
        with tables[0].open(encoding="utf-8", newline="") as file:
            row = next(csv.DictReader(file))
    if float(row["cycles_total"]) == 0:
        raise Failure("unsupported", f"nothing in {tflite.name} runs on {accelerator}, which takes integers throughout")
    return Estimate(
        sram=float(row["sram_memory_used"]) * KIB,
        dram=float(row["dram_memory_used"]) * KIB,
        flash=(float(row["on_chip_flash_memory_used"]) + float(row["off_chip_flash_memory_used"])) * KIB,
        cycles=float(row["cycles_total"]),
        seconds=float(row["inference_time"]),
        clock=float(row["core_clock"]),
        left=said["cpu_operators"],
        version=f"vela {said['version']}",
    )
