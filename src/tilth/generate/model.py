"""What a recipe says about a model and its sampling. Declared settings: unknown keys fail."""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Sampling(BaseModel):
    """How text is drawn. None leaves the choice to the engine's own default. All of it decides the text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_tokens: int = Field(2048, gt=0)  # 2,048: the FinePhrase release; small rewriters seldom write more
    temperature: float | None = Field(None, ge=0)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, gt=0)
    stop: tuple[str, ...] = ()
    seeded: bool = True  # send each row's own seed


class Fit(BaseModel):
    """What happens to a document longer than the model's window. All of it decides the text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["head", "tail", "middle", "windows", "refuse"] = "head"  # which part is kept; windows keeps all
    overlap: int = Field(0, ge=0)  # tokens that a window repeats of the one before
    document_tokens: int | None = Field(None, gt=0)  # cap on the document's own tokens, below what the context allows


class ModelSpec(BaseModel):
    """Which engine answers, and where. `IDENTITY` lists the fields that decide the text."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    #: The fields that decide the text. The rest says where and how fast, and never counts.
    IDENTITY: ClassVar[tuple[str, ...]] = (
        "engine",
        "model",
        "revision",
        "tokenizer",
        "context",
        "api",
        "extra_body",
        "schema_style",
        "draft",
        "weights",
    )

    engine: Literal["extractive", "endpoint", "openvino", "xllamacpp", "scripted", "fake"] = "extractive"
    model: str | None = None  # name sent to the server, or a GGUF file, folder or Hub name for local engines
    revision: str | None = None  # commit or tag; recorded in each row
    tokenizer: str | None = None  # tokenizer.json, a folder that has one, or a Hub name; exact fitting needs it
    context: int = Field(8192, gt=0)  # tokens: prompt and completion together
    api: Literal["chat", "completions"] = "chat"
    extra_body: dict[str, Any] = Field(default_factory=dict)  # merged into each request's JSON
    schema_style: Literal["response_format", "structured_outputs", "guided"] = "response_format"
    draft: int = Field(0, ge=0)  # prompt-lookup tokens, local engines; 0 switches it off
    weights: Literal["f16", "f32"] = "f16"  # local engines: precision of a converted GGUF

    # where and how fast: never part of the identity
    urls: tuple[str, ...] = ()
    key_env: str | None = None  # NAME of the environment variable that holds the key; never the key
    max_in_flight: int = Field(256, gt=0)  # a member
    timeout: float = Field(600.0, gt=0)  # seconds for one answer
    connect_timeout: float = Field(10.0, gt=0)  # seconds
    retries: int = Field(6, ge=0)  # tries after the first, for passing faults
    outage: float = Field(300.0, gt=0)  # seconds that no server answers before a waiting request gives up, for now
    threads: int = Field(0, ge=0)  # local engines; 0: all cores
    gpus: int = Field(0, ge=0)  # GPUs behind one URL, for GPU-seconds
    price: str | None = None  # name in the price file

    @model_validator(mode="after")
    def _check(self) -> "ModelSpec":
        if self.engine == "endpoint" and not self.urls:
            raise ValueError("engine endpoint needs urls: [http://host:port/v1]")
        if self.engine != "endpoint" and self.urls:
            raise ValueError(f"engine {self.engine} takes no urls; set engine: endpoint")
        if self.engine in ("endpoint", "openvino", "xllamacpp") and not self.model:
            raise ValueError(f"engine {self.engine} needs model: the name of the model")
        if self.key_env is not None and not self.key_env.replace("_", "a").isalnum():
            raise ValueError("key_env is the NAME of an environment variable, such as OPENAI_API_KEY, never the key")
        return self
