"""Tokenizer, token sets, mixtures and training shards of a study, each in a folder named after what decides it.

Arms share everything they can: one tokenizer, one token set a text, and the order of a common part (the mixture's seed
is the run's, and a part's name decides its order), so that arms of one seed differ by the treatment alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tilth.base.errors import ConfigError
from tilth.base.fingerprint import fingerprint
from tilth.data.tokenized import TokenSet
from tilth.mix.make import make_mixture
from tilth.mix.plan import MixPlan
from tilth.recipe.stages.mix import Kind, Mix, MixPart
from tilth.recipe.stages.tokens import Tokenise, TrainTokenizer
from tilth.study.design import Arm, Study
from tilth.study.materials import TrainedTokenizer
from tilth.study.run.recipes import slug
from tilth.study.run.texts import Text
from tilth.study.treatment import MOST_EPOCHS
from tilth.tokens.pack import pack
from tilth.tokens.tokenise import tokenise
from tilth.tokens.tokenizer import load_tokenizer
from tilth.tokens.train import train_tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """The training shards of one arm, size and seed, and the plan that they were made by."""

    folder: Path
    shards: Path
    plan: MixPlan
    fingerprint: str  # of the packed shards


def make_tokenizer(study: Study, root: Path, sources: Mapping[str, Text]) -> str:
    """The tokenizer that every arm uses, as `Tokenise.tokenizer` takes it; trained if the study says so.

    Raises `ConfigError` where the text gives too few tokens for the vocabulary.
    """
    wanted = study.tokenizer
    if isinstance(wanted, TrainedTokenizer):
        text = sources[wanted.train_on]
        folder = root / f"tokenizer-{fingerprint([wanted, text.digest])[:10]}"
        if not (folder / "tokenizer.json").exists():
            train_tokenizer(text.folder, folder, TrainTokenizer(vocabulary=wanted.vocabulary))
        return str(folder)
    return wanted


def make_tokens(text: Text, tokenizer: str, root: Path, workers: int) -> TokenSet:
    """The token set of a text; what is finished is kept."""
    settings = Tokenise(tokenizer=tokenizer)
    identity = [text.digest, load_tokenizer(settings).fingerprint]
    folder = root / f"{slug(text.name)}-{fingerprint(identity)[:10]}"
    return tokenise(text.folder, folder, settings, workers=workers)


def mix_of(arm: Arm, tokens: int, sequence: int, seed: int, parts: Mapping[Kind, Text]) -> Mix:
    """The mixture that an arm's shares ask for; a part that is too small is repeated up to the cap, else refused.

    It has a few sequences more than are trained on, since packing crops each of its shards to whole ones.
    """
    share, original, synthetic = arm.synthetic_share, parts.get("original"), parts.get("synthetic")
    chosen = []
    if synthetic is not None:
        chosen.append(MixPart(name=synthetic.name, weight=share, kind="synthetic", cap=MOST_EPOCHS))
    if original is not None and share < 1:
        chosen.append(MixPart(name=original.name, weight=1 - share, kind="original", cap=MOST_EPOCHS))
    if not chosen:
        raise ConfigError(f"arm {arm.name!r} names no text: expected a strategy, a mix_in or both.")
    shards = 1 + tokens // Mix.model_fields["shard_tokens"].default
    return Mix(parts=tuple(chosen), tokens=tokens + sequence * shards, seed=seed)


def make_shards(mix: Mix, tokens: Mapping[str, TokenSet], root: Path, name: str, sequence: int) -> Mixture:
    """Mix and pack; raises `ConfigError` with the numbers where the budget cannot be met."""
    folders = {part.name: tokens[part.name].folder for part in mix.parts}
    identity = [mix, {part: found.manifest.fingerprint for part, found in tokens.items()}, sequence]
    folder = root / f"{slug(name)}-{fingerprint(identity)[:10]}"
    plan = make_mixture(mix, folders, folder / "mixture")
    packed = pack(folder / "mixture", folder / "shards", sequence=sequence)
    return Mixture(folder=folder, shards=folder / "shards", plan=plan, fingerprint=packed.manifest.fingerprint)
