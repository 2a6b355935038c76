"""Settings of a mixture: which datasets, in which shares, how many tokens."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

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


_UNITS = {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


def _count(value: Any) -> Any:
    """21B, 2.1M, 4k or 2e9 as an integer; what is none of these is left for pydantic to refuse."""
    if isinstance(value, str):
        text = value.strip().replace("_", "")
        try:
            value = float(text[:-1]) * _UNITS[text[-1]] if text[-1:] in _UNITS else float(text)
        except ValueError:
            return value
    return round(value) if isinstance(value, float) and value == value and abs(value) < 1e18 else value


#: A number of tokens or parameters, which may be written 21B, 2.1M or 4k.
Count = Annotated[int, BeforeValidator(_count), Field(gt=0)]


class MixFilePart(BaseModel):
    """One part as a mix file names it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    tokens: str = Field(min_length=1)  # folder of its token set, from the file's own folder
    kind: Kind
    weight: float | None = Field(None, gt=0)  # None: to be suggested
    cap: float = Field(4.0, gt=0)
    format: str | None = None  # of synthetic text, such as table: what a suggested weight rests on


class MixFile(BaseModel):
    """A mix file: `Mix` with the folders of its parts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parts: tuple[MixFilePart, ...] = Field(min_length=1)
    tokens: Count
    seed: int = 0
    shard_tokens: int = Field(1 << 24, ge=1)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [part.name for part in self.parts]
        if len(set(names)) < len(names):
            raise ValueError(f"expected every part to have its own name; saw {', '.join(names)}")
        return self
