"""Settings of the rules stage: which presets judge which language, and what the user changes about them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

#: The language key that stands for every language that has no entry of its own.
ANY_LANGUAGE = "*"

_NAME = r"^[a-z][a-z0-9_]*$"


def _by_language(value: Any) -> Any:
    """A plain list of presets is for every language."""
    return {ANY_LANGUAGE: value} if isinstance(value, list | tuple) else value


class Rule(BaseModel):
    """One rule: a row whose signal is below `minimum` or above `maximum` is dropped with `reason`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    signal: str
    minimum: float | None = Field(None, allow_inf_nan=False)
    maximum: float | None = Field(None, allow_inf_nan=False)
    reason: str = Field(pattern=_NAME)
    meaning: str = ""  # one sentence on what the reason means
    source: str = ""  # where the threshold is from

    @model_validator(mode="after")
    def _some_bound(self) -> "Rule":
        if self.minimum is None and self.maximum is None:
            raise ValueError(f"expected a minimum or a maximum for {self.reason!r}; saw neither")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"expected minimum <= maximum for {self.reason!r}; saw {self.minimum} > {self.maximum}")
        return self


class Threshold(BaseModel):
    """Another bound for a rule of a preset; what is not named stays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    minimum: float | None = Field(None, allow_inf_nan=False)
    maximum: float | None = Field(None, allow_inf_nan=False)


class Rules(BaseModel):
    """Settings of the rules stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Language -> presets, by name or as a YAML file; a plain list is for every language. "zh" also stands for zh-Hant.
    presets: Annotated[dict[str, tuple[str, ...]], BeforeValidator(_by_language)] = Field(
        default_factory=lambda: {"en": ("gopher-quality", "gopher-repetition", "fineweb"), "zh": ("chinese",)}
    )
    thresholds: dict[str, Threshold] = Field(default_factory=dict)  # reason -> its new bounds
    without: tuple[str, ...] = ()  # reasons of rules to leave out
    extra: tuple[Rule, ...] = ()  # more rules, for every language that has presets
    signals: tuple[str, ...] = ()  # measured for every row, beside what the rules need
    measure: Literal["all", "needed"] = "all"  # needed: a row that failed a cheap rule is not measured further
    c4_lines: Literal["judge", "remove"] = "judge"  # remove: kept rows keep only the lines that C4 keeps
    bad_words: str | None = None  # file of words, one a line; a document of a judged language with any is dropped
