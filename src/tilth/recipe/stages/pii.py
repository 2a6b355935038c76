"""Settings of the stage that finds personal data."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

#: Everything that can be found; docs/pii.md says what each one means.
PiiKind = Literal[
    "email",
    "phone",
    "ip",
    "ip_private",
    "card",
    "iban",
    "us_ssn",
    "cn_id",
    "uk_nino",
    "es_id",
    "fr_nir",
    "de_tax_id",
    "br_cpf",
    "in_aadhaar",
]

#: replace: put something else in its place; drop: drop the row; flag: keep and name it; keep: count only.
PiiPolicy = Literal["replace", "drop", "flag", "keep"]


class Pii(BaseModel):
    """What happens to personal data. By default all of it is replaced, but for addresses of private networks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Kind -> policy, over the default: `replace`, and `keep` for ip_private.
    policies: dict[PiiKind, PiiPolicy] = Field(default_factory=dict)
    #: What stands in the place of a replaced value. tag: its kind, such as <EMAIL>. example: for e-mail and IP
    #: addresses one that is reserved for examples, so that the text still reads as text; a tag for the rest.
    form: Literal["tag", "example"] = "tag"

    def policy(self, kind: PiiKind) -> PiiPolicy:
        """What happens to `kind`."""
        return self.policies.get(kind, "keep" if kind == "ip_private" else "replace")
