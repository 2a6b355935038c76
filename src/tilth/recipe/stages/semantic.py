"""Settings of semantic near-duplicates among questions."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tilth.data.questions import QuestionFields


class EmbeddingEndpoint(BaseModel):
    """A server with an OpenAI-compatible /v1/embeddings route."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    url: str  # such as http://127.0.0.1:8080/v1
    model: str
    dimensions: int | None = Field(None, gt=0)  # asked of models that can shorten their vectors
    prefix: str = ""  # put before each text, as some models want ("query: ")
    # how fast: never part of the identity
    key_env: str | None = Field(None, pattern=r"^[A-Za-z_]\w*$")  # NAME of the environment variable with the key
    batch: int = Field(64, gt=0, le=2048)  # texts a request; 2048 is the most that OpenAI takes
    in_flight: int = Field(8, gt=0)  # requests at once
    timeout: float = Field(120.0, gt=0)  # seconds for one answer
    connect_timeout: float = Field(10.0, gt=0)  # seconds
    retries: int = Field(6, ge=0)  # tries after the first, for passing faults


class SemanticDuplicates(BaseModel):
    """Settings of semantic near-duplicates. `hashed` compares wording only; a model compares meaning."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    embed: Literal["hashed", "endpoint"] = "hashed"
    endpoint: EmbeddingEndpoint | None = None
    fields: QuestionFields = QuestionFields()
    threshold: float | None = Field(None, gt=0, le=1)  # cosine; None: 0.8 for hashed, 0.93 for a model
    same_answer: bool = True  # questions with different answers are no duplicates, however alike
    sources: tuple[str, ...] = ()  # names of read steps, the preferred first; decides after the solution does
    index: Literal["auto", "exact", "approximate"] = "auto"  # auto: exact up to 100,000 questions
    neighbours: int = Field(16, gt=0, le=1024)  # nearest questions looked at a question
    expansion: int = Field(128, gt=0)  # width of the graph search: higher finds more and costs more
    # how much memory, where: never part of the identity but where an index is cut into several
    shard_rows: int = Field(1_000_000, gt=0)  # vectors an index holds; 1 million of 512 take about 2 GB
    cache: str | None = None  # folder of paid embeddings that outlives the run; None: in the step's folder

    @model_validator(mode="after")
    def _check(self) -> "SemanticDuplicates":
        if (self.embed == "endpoint") != (self.endpoint is not None):
            raise ValueError("embed: endpoint needs endpoint: {url: ..., model: ...}; embed: hashed takes none")
        return self
