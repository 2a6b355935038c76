"""Settings of an evaluation: which tasks a model is asked, in which forms, and on which held-out text."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: How a task is asked. cloze: each choice's text is scored as the answer; choice: the choices are shown with letters
#: and the letters are scored; bpb: the gold answer's text alone is scored, in bits per byte; generate: the model
#: writes.
Form = Literal["cloze", "choice", "bpb", "generate"]

#: Task name of held-out text: this and the domain.
HELD_OUT = "held_out:"


class Evaluate(BaseModel):
    """Settings of an evaluation. Device, batch size and back end decide how it runs and not what is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    benchmarks: str | None = None  # folder with <file>.parquet or .jsonl a benchmark; None: the shipped samples
    task_folders: tuple[str, ...] = ()  # folders with task blocks of one's own, searched before the shipped ones
    tasks: tuple[str, ...] = ()
    forms: tuple[Form, ...] = ("cloze", "bpb")  # a task is asked in those of them that it has
    shots: int = Field(5, ge=0, le=5)  # 5: OLMES; a block names five examples, of which the first so many are shown
    limit: int | None = Field(None, gt=0)  # at most so many items a task, drawn by `seed`
    held_out: dict[str, str] = {}  # domain -> dataset folder, file or glob with original text
    held_out_column: str = "text"
    held_out_limit: int | None = Field(None, gt=0)  # at most so many documents a domain, drawn by `seed`
    seed: int = Field(0, ge=0)  # of what is drawn
    backend: Literal["own", "lm-eval"] = "own"
    device: str | None = None  # "cuda:0", "cpu", ...; None: a GPU where there is one
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"  # auto: as the checkpoint was saved
    batch_tokens: int | None = Field(None, ge=64)  # tokens a batch; None: 4,096 on a CPU, 65,536 on a GPU
    max_length: int | None = Field(None, ge=2)  # tokens of context; None: the model's

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not self.tasks and not self.held_out:
            raise ValueError("expected tasks or held-out text to evaluate on; saw neither")
        if len(set(self.tasks)) < len(self.tasks) or len(set(self.forms)) < len(self.forms):
            raise ValueError("expected every task and every form once")
        if self.tasks and not self.forms:
            raise ValueError("expected at least one form of the tasks")
        if "generate" in self.forms and self.backend == "own":
            raise ValueError("generated answers go through lm-evaluation-harness: set backend to lm-eval")
        return self
