"""Which processors a device may name, and which of them can run autocompress themselves."""

from pydantic_core import PydanticCustomError

from autocompress.config.diagnostic import did_you_mean

# What `platform.machine()` says on a machine with this core; None: any machine will do.
MACHINES: dict[str, str | None] = {
    "any": None,
    "x86-64": "x86_64",
    "apple-silicon": "arm64",
    **{f"cortex-a{n}": "aarch64" for n in (53, 55, 57, 72, 73, 75, 76, 77, 78, 510, 520, 710, 715, 720, 725)},
    "cortex-a78ae": "aarch64",
    **{f"cortex-x{n}": "aarch64" for n in (1, 2, 3, 4)},
    **{f"neoverse-{n}": "aarch64" for n in ("n1", "n2", "v1", "v2")},
    **dict.fromkeys(("ampere-sm80", "ampere-sm86", "ada-sm89", "hopper-sm90"), None),  # in a server of any kind
    "ampere-sm87": "aarch64",
}
AWAY = (
    *("cortex-m0+", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "cortex-m85"),
    *("xtensa-lx6", "xtensa-lx7", "risc-v", "hifi3", "max78000", "syntiant-core-2"),
    *("ethos-u55", "ethos-u65", "hexagon", "edge-tpu", "hailo-8"),
)
ISA = (
    *("dsp", "fpu", "mve", "neon", "dotprod", "i8mm", "fp16", "bf16", "sve", "sve2", "rvv", "pie"),
    *("sse4", "avx2", "avx512", "avx512-vnni", "avx512-bf16", "avx-vnni", "amx"),
    *("tensor-core", "fp8", "int8", "sparse-2-4", "ethos-u55", "ethos-u65", "hexagon", "edge-tpu", "ne16", "mvp"),
)


def known_core(name: str) -> str:
    if name not in MACHINES and name not in AWAY:
        text = f"no core is called '{name}'{did_you_mean(name, (*MACHINES, *AWAY))}"
        hint = f"known: {', '.join((*MACHINES, *AWAY))}"
        raise PydanticCustomError("bad-value", "{text}", {"text": text, "hint": hint})
    return name


def known_isa(words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        if word not in ISA:
            text = f"no instructions are called '{word}'{did_you_mean(word, ISA)}"
            raise PydanticCustomError("bad-value", "{text}", {"text": text, "hint": f"known: {', '.join(ISA)}"})
    return words
