"""What a recipe says about where documents come from. Declared settings: unknown keys fail."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Format = Literal["auto", "parquet", "jsonl", "csv", "text", "html", "warc"]


class Columns(BaseModel):
    """Which columns of a table hold what. `licence` and `language` may also be constants, see `SourceSpec`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = "text"
    id: str | None = None  # None: a hash of content and origin
    language: str | None = None
    licence: str | None = None
    metadata: tuple[str, ...] = ()


class SourceSpec(BaseModel):
    """Documents from files that fsspec opens, or from a Hub dataset (`hf://datasets/owner/name@revision/...`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: tuple[str, ...] = Field(min_length=1)  # paths, globs or URLs; a folder means every known file in it
    format: Format = "auto"  # auto: by file name
    columns: Columns = Columns()
    language: str | None = None  # constant, where no column says
    licence: str | None = None  # constant, where no column says
    revision: str | None = None  # of a Hub dataset; None: the newest, resolved to a commit and recorded
    extract_html: bool = False  # table formats: the text column holds raw HTML
    limit: int | None = Field(None, gt=0)  # at most this many documents, the first ones
    max_document_bytes: int = Field(50_000_000, gt=0)  # 50 MB: larger ones are dumps and not documents

    @field_validator("source", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value
