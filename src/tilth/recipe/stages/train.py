"""Settings of a training run: from scratch, mid-training of a base model, or the decay phase of an earlier run."""

from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

PresetName = Literal["smoke", "laptop", "gpu", "published"]
#: wsd: warm-up, stable, linear decay; the others decay from the end of the warm-up on.
Schedule = Literal["wsd", "cosine", "linear", "constant"]
#: joined: a token sees the documents before its own in the sequence; masked: only its own.
Documents = Literal["joined", "masked"]
#: whole: all of the schedule; stable: up to where its decay begins; decay: the decay alone, from where a run branched.
Phase = Literal["whole", "stable", "decay"]

#: Fields that decide no weight but by the order of a sum: how a run is carried out, and how it is watched.
CARRIED_OUT: Final = frozenset(
    {"micro_batch", "gradient_checkpointing", "attention", "threads", "device", "sharding", "save_minutes", "log_every"}
)


class Architecture(BaseModel):
    """A decoder from scratch; the vocabulary comes from the tokenizer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: llama: no bias anywhere; qwen2: bias on queries, keys and values; qwen3: norms on queries and keys.
    family: Literal["llama", "qwen2", "qwen3"] = "llama"
    width: int = Field(ge=2)
    layers: int = Field(ge=1)
    heads: int = Field(ge=1)
    kv_heads: int = Field(ge=1)
    intermediate: int = Field(ge=1)  # width of the gated feed-forward part
    head_width: int | None = Field(None, ge=2)  # None: width / heads
    tied: bool = True  # input and output embeddings are one matrix
    rope_theta: float = Field(10_000.0, gt=0)
    norm_eps: float = Field(1e-6, gt=0)
    initial_std: float = Field(0.02, gt=0)

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.heads % self.kv_heads:
            raise ValueError(f"heads must be a multiple of kv_heads; saw {self.heads} and {self.kv_heads}")
        if self.head_width is None and self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads; saw {self.width} and {self.heads}. Give head_width")
        return self


class Train(BaseModel):
    """One training run. Exactly one of `preset`, `architecture` and `start` decides the model.

    A field that is None takes the preset's value; with `start`, that of mid-training (`tilth.train.presets`). What
    `CARRIED_OUT` names may change between a run and its resume, all else may not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: PresetName | None = None
    architecture: Architecture | None = None
    #: A base model: folder or Hub name. With phase decay: the folder of the run to branch from.
    start: str | None = None
    revision: str | None = None  # of a Hub name
    #: Where the tokenizer of the token set lies now, if it was moved; it must be the same one.
    tokenizer: str | None = None

    tokens: int | None = Field(None, ge=1)  # budget; must be there in the packed set
    sequence: int | None = Field(None, ge=2)
    batch_tokens: int | None = Field(None, ge=2)  # in an optimiser step, over all processes
    learning_rate: float | None = Field(None, gt=0)
    schedule: Schedule | None = None
    warmup: float | None = Field(None, ge=0, lt=1)  # share of the steps
    decay: float | None = Field(None, ge=0, le=1)  # share of the steps, of schedule wsd
    floor: float | None = Field(None, ge=0, le=1)  # last learning rate over the greatest
    beta1: float | None = Field(None, ge=0, lt=1)
    beta2: float | None = Field(None, ge=0, lt=1)
    epsilon: float | None = Field(None, gt=0)
    weight_decay: float | None = Field(None, ge=0)  # on matrices; not on biases, norms and embeddings
    clip: float | None = Field(None, ge=0)  # norm of the gradient; 0: not clipped
    documents: Documents | None = None
    precision: Literal["auto", "bf16", "fp32"] = "auto"  # auto: bf16 on a GPU that has it, else fp32
    phase: Phase = "whole"
    keep_branch: bool = False  # phase whole: keep the state where the decay begins, for runs that branch there
    seed: int = Field(0, ge=0, lt=1 << 32)  # of the initialisation; the order of the data is the mixture's
    checkpoints: int = Field(1, ge=1)  # evenly spaced, for evaluation; the last at the end

    micro_batch: int | None = Field(None, ge=1)  # sequences at once on a device; None: chosen
    gradient_checkpointing: bool = False
    attention: str | None = None  # transformers' name of an implementation, e.g. flash_attention_2; None: sdpa
    threads: int | None = Field(None, ge=1)  # of torch on a CPU; None: as it is
    device: Literal["auto", "cpu"] = "auto"
    sharding: Literal["none", "fsdp"] = "none"  # of parameters and optimiser over processes
    save_minutes: float = Field(10.0, ge=0)  # between states to resume from; 0: after each step
    log_every: int = Field(1, ge=1)  # steps

    @model_validator(mode="after")
    def _one_model(self) -> Self:
        given = [name for name in ("preset", "architecture", "start") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"expected exactly one of preset, architecture and start; saw {', '.join(given) or 'none of them'}"
            )
        if self.phase == "decay" and self.start is None:
            raise ValueError("phase decay branches from an earlier run: give its folder as start")
        if self.revision is not None and self.start is None:
            raise ValueError("revision belongs to start: a model's Hub name")
        return self
