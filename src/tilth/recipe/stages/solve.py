"""Settings of the solve stage: independent answers to a question."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tilth.generate.model import ModelSpec, Sampling


class Solve(BaseModel):
    """Settings of the solve stage."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    prompt_folders: tuple[str, ...] = ()  # searched before the shipped prompts
    model: ModelSpec = ModelSpec()
    #: 1.0: answers have to be independent; 4,096 tokens hold the reasoning of models that do not think at length.
    sampling: Sampling = Sampling(temperature=1.0, max_tokens=4096)
    source_column: str = "text"
    k: int = Field(8, ge=1, le=256)  # 8: General-Reasoner (arXiv 2505.14652); 256: far above any use
    stop_when_agree: int | None = Field(None, ge=2)  # the first so many answers say the same: the rest is not asked
    #: Further answers that are asked for where neither the row's answer nor another has more than half of the first k.
    more: int = Field(0, ge=0, le=256)
    solver: str | None = None  # the name these answers count under in a panel; None: the model's
    judge_question: bool = False  # one more call: is the question a sound one
    max_characters: int = Field(20_000, gt=0)  # of question, context and choices; longer ones are routed away
    text_words: int = Field(12, gt=0)  # gold answers with more words are free text, which no rule can compare
    programs: Literal["skip", "tests"] = "skip"  # tests: gold answers that are code are test code, run in the sandbox
    level: Literal[80, 90, 95, 99] = 90  # per cent; of the pass rate's interval

    @model_validator(mode="after")
    def _independent(self) -> Self:
        if self.k > 1 and self.sampling.temperature == 0:
            raise ValueError("k answers at temperature 0 are one answer: give a temperature above 0, or k: 1")
        if self.stop_when_agree is not None and self.stop_when_agree >= self.k:
            raise ValueError("stop_when_agree has to be below k, or it saves nothing")
        return self
