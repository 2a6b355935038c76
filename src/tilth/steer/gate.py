"""Whether labels may steer: how far two annotators agree, written by `tilth agreement` and read by `select`."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from tilth.base.errors import ConfigError
from tilth.base.files import read_json


class Agreed(BaseModel):
    """The file: kappa over all rows with its interval, and which classes reach the threshold alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")  # the file also holds the confusion table, for people

    format: int
    kappa: float
    threshold: float
    usable: bool
    classes: dict[str, bool]
    reasons: dict[str, str]

    @property
    def unsure(self) -> tuple[str, ...]:
        """The classes whose labels steer nothing."""
        return tuple(sorted(name for name, usable in self.classes.items() if not usable))


def load_agreement(path: Path) -> Agreed:
    """Read the file; raises `ConfigError` where it is missing, broken, or says that the labels are not to steer."""
    if not path.is_file():
        raise ConfigError(f"expected a file of agreement at {path}; there is none. Make it with: tilth agreement.")
    try:
        found = Agreed.model_validate(read_json(path))
    except ValidationError as error:
        raise ConfigError(f"expected a file that tilth agreement wrote in {path}; saw: {error}") from error
    if not found.usable:
        why = found.reasons.get("all", f"kappa {found.kappa:.2f} is below {found.threshold:g}")
        raise ConfigError(
            f"expected labels that two annotators agree on; {path} says: {why}. Labels below the threshold steer "
            "nothing: improve the annotator or the labeller, or leave `agreement` out of select and answer for it."
        )
    return found
