"""Prices and what a run costs: pure arithmetic.

Prices come from a file that the user owns, dated, so that no table inside the package can be silently out of date:

    [my-model]
    currency = "USD"
    date = "2026-11-01"
    source = "the provider's price page"
    prompt_per_million = 0.05
    completion_per_million = 0.20
    gpu_hour = 0.0
"""

import datetime
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tilth.base.errors import ConfigError

#: A price older than this many days is named in the ledger; providers change prices several times a year.
STALE_DAYS = 90


class Price(BaseModel):
    """What one model costs; `date` says when the user read it, `source` where."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: str = "USD"
    date: datetime.date
    source: str = ""
    prompt_per_million: float = Field(0.0, ge=0)  # money for a million prompt tokens
    completion_per_million: float = Field(0.0, ge=0)
    gpu_hour: float = Field(0.0, ge=0)  # money for one GPU for an hour

    def of(self, prompt_tokens: int, completion_tokens: int, gpu_seconds: float = 0.0) -> float:
        """Money for these tokens and GPU-seconds."""
        tokens = prompt_tokens * self.prompt_per_million + completion_tokens * self.completion_per_million
        return tokens / 1e6 + gpu_seconds / 3600 * self.gpu_hour

    def age_days(self, today: datetime.date) -> int:
        """Days since the price was read."""
        return (today - self.date).days


def load_price(path: Path | None, name: str | None) -> Price | None:
    """The named price of a price file; None where the recipe names none. Raises `ConfigError` on every mistake."""
    if name is None:
        return None
    if path is None:
        raise ConfigError(
            f"model.price names {name!r}, but execution.prices names no price file. Set it to a TOML file."
        )
    try:
        table = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise ConfigError(
            f"expected a price file at {path}; there is none. Create it, or fix execution.prices."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"expected TOML in the price file {path}; saw: {error}.") from error
    if name not in table:
        near = get_close_matches(name, table, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"expected a price [{name}] in {path}; it has {', '.join(table) or 'none'}.{hint}")
    try:
        return Price.model_validate(table[name])
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{path} [{name}] {'.'.join(map(str, first['loc']))}: {first['msg']}.") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What calls used. Adds up. `seconds` is wall clock, the rest sums over calls."""

    requests: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    gpu_seconds: float = 0.0
    money: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            requests=self.requests + other.requests,
            failed=self.failed + other.failed,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            seconds=self.seconds + other.seconds,
            gpu_seconds=self.gpu_seconds + other.gpu_seconds,
            money=self.money + other.money,
        )

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens
