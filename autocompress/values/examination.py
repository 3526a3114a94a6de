"""What is known of one model beyond the numbers of its trial: its layers, its mistakes, and where it looks."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from autocompress.values.measurement import Measurement

SCHEMA: Literal["autocompress.examination/v1"] = "autocompress.examination/v1"
LARGEST = 40_000  # bytes, as JSON
PICTURE = 3_000  # bytes of one PNG, in base64

Short = Annotated[float, Field(allow_inf_nan=False), AfterValidator(lambda x: float(f"{x:.5g}"))]
Channels = tuple[int, int]  # in, out
Png = Annotated[str, Field(max_length=PICTURE)]  # base64


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Mean(Part):
    """Over `n` images, with its standard error; of one image nobody knows that."""

    value: Short
    spread: Short | None = None
    n: int


class Histogram(Part):
    """Of the weights of one layer that are not 0: bins of equal width from `-reach` to `reach`."""

    reach: Short
    before: tuple[int, ...] | None = None  # weights in each bin; `weights_before` says when; None: nobody knows
    after: tuple[int, ...]

    @property
    def edges(self) -> tuple[float, ...]:
        """One more than there are bins."""
        many = len(self.after)
        return tuple(self.reach * (2 * place / many - 1) for place in range(many + 1))


class Layer(Part):
    """One that holds filters or matrices, by its name in the network."""

    name: str
    kind: str  # conv 3x3, depthwise 3x3, grouped 3x3, linear; of others the name of their class
    before: Channels | None = None  # as its own student was built, before anything was cut; None: it had no such layer
    after: Channels | None = None  # None: a layer that does not say
    baseline: Channels | None = None  # of the layer of this name in the baseline, if that is the same architecture
    weights: int
    nonzero: int
    macs: int  # of one image
    weight_bits: Short  # that its weights need, in the file if that can be seen
    activation_bits: Short  # of what they are multiplied with
    stored_bytes: int | None = None  # of its weights in the file; None: the file does not show them
    histogram: Histogram | None = None

    @property
    def kept(self) -> float | None:
        """Share of the channels out of it that are left."""
        return self.after[1] / self.before[1] if self.after and self.before else None


def _columns(layers: tuple[Layer, ...] | None) -> dict[str, list[Any]] | None:
    """A network may have hundreds of layers: the names of fields are written once."""
    if layers is None:
        return None
    rows = [layer.model_dump(mode="json") for layer in layers]
    return {field: [row[field] for row in rows] for field in Layer.model_fields}


def _rows(columns: Any) -> Any:
    if not isinstance(columns, Mapping):
        return columns
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


Layers = Annotated[tuple[Layer, ...], BeforeValidator(_rows), PlainSerializer(_columns)]


class Class(Part):
    """One class of the test split."""

    name: str
    n: int
    right: int
    baseline_right: int | None = None


class Bin(Part):
    """Of confidence, in the order of the bins. An empty one has no means."""

    n: int
    confidence: Short | None = None
    accuracy: Short | None = None


class Calibration(Part):
    """Expected calibration error over bins of equal width (Guo et al. 2017, arXiv 1706.04599)."""

    error: Mean
    bins: tuple[Bin, ...]
    baseline_error: Mean | None = None


class Answers(Part):
    """What the exported file says to the whole test split."""

    accuracy: Measurement
    classes: tuple[Class, ...]  # all, or of very many those that lost most
    more_classes: int = 0  # that are not shown
    mixed_up: tuple[tuple[int, int, int], ...]  # truth, answer (places in `classes`), how often; the frequent first
    more_mixed_up: int = 0  # wrong answers that are not among these
    calibration: Calibration

    @property
    def confusion(self) -> tuple[tuple[int, ...], ...]:
        """Rows: the truth; columns: the answer; both in the order of `classes`."""
        table = [[0] * len(self.classes) for _ in self.classes]
        for place, one in enumerate(self.classes):
            table[place][place] = one.right
        for truth, answer, often in self.mixed_up:
            table[truth][answer] = often
        return tuple(map(tuple, table))


class Changes(Part):
    """The file's answers beside those of the baseline's file, to the same images."""

    both_right: int
    lost: int  # the baseline was right, the model is wrong
    gained: int  # the other way round
    same_mistake: int
    other_mistake: int  # both wrong, with different answers
    lost_images: tuple[int, ...] = ()  # the first few, by their place in the test split
    gained_images: tuple[int, ...] = ()
    other_images: tuple[int, ...] = ()
    agreement: Mean  # share of equal answers
    divergence: Mean  # Kullback-Leibler, from the baseline's probabilities to the model's, in nats


class Light(Part):
    """Accuracy of the exported file in a light that changes more and more; the first strength is 0."""

    changed: tuple[str, ...]  # brightness, contrast, saturation
    strengths: tuple[Short, ...]  # each is multiplied by 1 ± at most this, drawn for each image
    accuracy: tuple[Mean, ...]
    baseline: tuple[Mean, ...] | None = None


class Look(Part):
    """One test image, and what in it speaks for the answers that networks give."""

    image: int  # its place in the test split
    truth: str
    answer: str
    baseline_answer: str | None = None
    picture: Png
    heat: Png  # to be laid over the picture: one colour, the more opaque the more it counts
    baseline_heat: Png | None = None
    similarity: Short | None = None  # of the two


class Heat(Part):
    """Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391) of the network and of the baseline's, each for its own answer.

    The maps are compared by SSIM (Wang et al. 2004): 1 where they are equal.
    """

    grid: tuple[int, int]  # height and width of the map that was looked at
    baseline_grid: tuple[int, int] | None = None
    looks: tuple[Look, ...]
    similarity: Mean | None = None


class Examination(Part):
    """Every part may be missing; `notes` says why, by the part's name, or what was left out of it."""

    kind: Literal["autocompress.examination/v1"] = Field(SCHEMA, alias="schema")
    model: str  # digest of the exported file
    baseline: str = ""  # digest of the one it is compared with; empty: there is none
    layers: Layers | None = None
    weights_before: Literal["start", "baseline"] | None = None  # this trial's, trained and not yet compressed; or not
    answers: Answers | None = None
    changes: Changes | None = None
    light: Light | None = None
    heat: Heat | None = None
    notes: dict[str, str] = {}

    def text(self) -> str:
        """As it is stored: equal examinations, equal bytes."""
        return self.model_dump_json(by_alias=True, exclude_none=True) + "\n"
