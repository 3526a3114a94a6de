"""What all stages that train have in common: how to train, and from whom to learn."""

from abc import ABC
from typing import Annotated, Literal

from pydantic import Field, model_validator

from autocompress.compress.distillers.base import Distiller
from autocompress.compress.lab import Lab, Pays
from autocompress.compress.model import Model
from autocompress.compress.plan import Plan, Scope
from autocompress.compress.stages.base import Run, Stage
from autocompress.compress.train import fit
from autocompress.plugin import among, ranged


class Training(Stage, ABC):
    """`method` and `hint` are optional: a method that works on answers, and one that works on features."""

    lr: Annotated[float, Field(gt=0)] = ranged(0.1, 0.01, 0.5, log=True)
    batch_size: Annotated[int, Field(ge=2)] = 64
    accumulate: Annotated[int, Field(ge=1)] = 1  # batches per step of the optimizer
    optimizer: Literal["sgd", "adamw"] = among("sgd", "sgd", "adamw")  # Nesterov; adamw wants a tenth of its lr
    pace: Literal["cosine", "one_cycle", "constant"] = among("cosine", "cosine", "one_cycle")  # of the learning rate
    warmup: Annotated[float, Field(ge=0, le=0.3)] = 0.1  # share of the steps
    weight_decay: Annotated[float, Field(ge=0)] = ranged(5e-4, 1e-5, 1e-2, log=True)
    smoothing: Annotated[float, Field(ge=0, lt=1)] = ranged(0.0, 0.0, 0.2)  # of the labels
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0  # how much of the average of weights stays at each step; 0: none
    compiled: bool = False  # the network as compiled code: takes a minute or so at the start, not always won back

    @property
    def trains(self) -> bool:
        return True

    def plan(self, epochs: int, teacher: str = "teacher", views: int | None = None, scope: Scope = "all") -> Plan:
        return Plan(
            epochs=epochs,
            lr=self.lr,
            batch_size=self.batch_size,
            accumulate=self.accumulate,
            optimizer=self.optimizer,
            pace=self.pace,
            warmup=self.warmup,
            weight_decay=self.weight_decay,
            smoothing=self.smoothing,
            ema=self.ema,
            compiled=self.compiled,
            teacher=teacher,
            views=views,
            scope=scope,
        )


class Taught(Training, ABC):
    """Training that may have a teacher: by `method`, by `hint`, by both or by none."""

    hint: Distiller | None = None  # a second method, that works on features
    teacher: str = "teacher"  # one of the study's
    views: Annotated[int, Field(ge=1)] | None = None  # examples look the same again after so many epochs

    @model_validator(mode="after")
    def _one_of_each(self) -> "Taught":
        says_something = self.hint is not None and (self.hint.needs.anybody or self.hint.needs.peer)
        if self.hint is not None and says_something and self.hint.works_on != "features":
            raise ValueError("hint: wants a method that works on features, such as fitnet; write the other as method")
        if len(self.methods()) == 2 and self.methods()[0].works_on != "answers":
            raise ValueError("hint: goes with a method that works on answers, such as logit")
        return self

    def methods(self) -> tuple[Distiller, ...]:
        """In the order in which they are weighed: the hint speaks last."""
        main: Distiller | None = getattr(self, "method", None)
        return tuple(one for one in (main, self.hint) if one is not None)

    def teachers(self) -> tuple[str, ...]:
        return (self.teacher,) if any(one.needs.anybody for one in self.methods()) else ()


class Relearning(Taught, ABC):
    """Do something to the network, and then let it find its feet again."""

    recover: Annotated[int, Field(ge=0)] = 0  # epochs of training after it
    method: Distiller | None = None  # to recover with
    lr: Annotated[float, Field(gt=0)] = ranged(0.05, 0.005, 0.2, log=True)

    @model_validator(mode="after")
    def _network_stays(self) -> "Relearning":
        for method in self.methods():
            if type(method).start is not Distiller.start:
                name = type(method).__name__.lower()
                raise ValueError(f"method: {name} puts a part of the teacher into the network; distill can do that")
        return self

    @property
    def trains(self) -> bool:
        return self.recover > 0

    def recovered(self, model: Model, lab: Lab, step: int = 0) -> Run:
        """After step number `step`, counted from 0."""
        epochs = lab.epochs(self.recover)
        if epochs:
            plan, before, of = self.plan(epochs, self.teacher, self.views), step * epochs, self.cost(lab)
            model = yield from fit(model, lab, plan, self.methods(), part=f"recover-{step}", before=before, of=of)
        return model

    def cost(self, lab: Pays) -> int:
        return lab.epochs(self.recover)


class Recovering(Relearning, ABC):
    """Take something away in steps, and after each let the network find its feet again."""

    steps: Annotated[int, Field(ge=1)] = among(1, 1, 2, 4)

    def cost(self, lab: Pays) -> int:
        return self.steps * lab.epochs(self.recover)
