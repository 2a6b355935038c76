"""Settings of the judge stage: a model decides on free-text answers that no rule can compare."""

from pydantic import BaseModel, ConfigDict, Field

from tilth.generate.model import ModelSpec, Sampling


class Judge(BaseModel):
    """Settings of the judge stage."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    prompt_folders: tuple[str, ...] = ()  # searched before the shipped prompts
    model: ModelSpec = ModelSpec()  # better another one than those whose answers it judges
    sampling: Sampling = Sampling(temperature=0.0, max_tokens=600)  # 600: a few sentences and a verdict
    source_column: str = "text"
    votes: int = Field(1, ge=1, le=9)  # judgements an answer, each in another wording; more than half decide
    most_answers: int = Field(32, ge=1)  # different answers of a row that are judged; further ones stay open
    max_characters: int = Field(20_000, gt=0)  # of question, reference and answer together; longer ones stay open
