"""What a recipe says about where documents come from. Declared settings: unknown keys fail."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Format = Literal["auto", "parquet", "jsonl", "csv", "text", "html", "warc"]


def _as_tuple(value: Any) -> Any:
    """One name stands for a list of one."""
    return (value,) if isinstance(value, str) else value


class Columns(BaseModel):
    """Which columns of a table hold what. `licence` and `language` may also be constants, see `SourceSpec`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = "text"
    id: str | None = None  # None: a hash of content and origin
    language: str | None = None
    licence: str | None = None
    metadata: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = ()

    def named(self) -> dict[str, str]:
        """Role of each mapped column -> its name; metadata columns have roles `metadata.<name>`."""
        roles = {"text": self.text, "id": self.id, "language": self.language, "licence": self.licence}
        return {role: name for role, name in roles.items() if name is not None} | {
            f"metadata.{name}": name for name in self.metadata
        }


class SourceSpec(BaseModel):
    """Documents from files that fsspec opens, or from a Hub dataset (`hf://datasets/owner/name@revision/...`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # paths, globs or URLs, or a single one; a folder means every known file in it
    source: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = Field(min_length=1)
    format: Format = "auto"  # auto: by file name
    columns: Columns = Columns()
    language: str | None = None  # constant, where no column says
    licence: str | None = None  # constant, where no column says
    revision: str | None = None  # of a Hub dataset; None: the newest, resolved to a commit and recorded
    extract_html: bool = False  # table formats: the text column holds raw HTML
    limit: int | None = Field(None, gt=0)  # at most this many documents, the first ones
    # 50 MB: larger ones are dumps and not documents; 1 GB: half of what one Arrow column can hold
    max_document_bytes: int = Field(50_000_000, gt=0, le=1_000_000_000)
    key_env: str | None = Field(None, pattern=r"^[A-Za-z_]\w*$")  # NAME of the environment variable with a token
