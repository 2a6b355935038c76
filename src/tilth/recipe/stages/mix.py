"""Settings of a mixture: which datasets, in which shares, how many tokens."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: original: text that people wrote; synthetic: text that a model or a rule made of it.
Kind = Literal["original", "synthetic"]


class MixPart(BaseModel):
    """One dataset of a mixture."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)  # decides the order of the part's rows; the same name in two arms, the same order
    weight: float = Field(gt=0)  # share of the tokens, over the sum of all weights
    kind: Kind
    #: Most times a row may be seen. 4: up to four epochs cost almost nothing against fresh text (Muennighoff et al.
    #: 2023, arXiv:2305.16264, section 5); the published table mixes went to 3.7.
    cap: float = Field(4.0, gt=0)


class Mix(BaseModel):
    """A mixture with a budget. Two mixtures of one study have the same `seed`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parts: tuple[MixPart, ...] = Field(min_length=1)
    tokens: int = Field(gt=0)  # exactly so many; all arms of a study the same number
    seed: int = 0
    shard_tokens: int = Field(1 << 24, ge=1)  # about as many in an output shard: 16.8M, 34 MB at two bytes a token

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [part.name for part in self.parts]
        if len(set(names)) < len(names):
            raise ValueError(f"expected every part to have its own name; saw {', '.join(names)}")
        return self

    @property
    def shares(self) -> dict[str, float]:
        """Part -> share of the tokens; they add up to 1."""
        total = sum(part.weight for part in self.parts)
        return {part.name: part.weight / total for part in self.parts}
