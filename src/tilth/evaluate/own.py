"""The back end of our own: log-likelihoods by `scoring`, metrics by `metrics`. It needs torch and transformers only."""

from collections.abc import Callable
from pathlib import Path

from tilth.evaluate.item import Asked
from tilth.evaluate.metrics import bits_per_byte, per_token, score_choices
from tilth.evaluate.rows import Scored, result_table
from tilth.evaluate.runs import RunName
from tilth.evaluate.scoring.score import Likelihoods, Scorer
from tilth.recipe.stages.evaluate import Evaluate


class OwnBackend:
    """Scores one task after another with a model, which is loaded here."""

    def __init__(self, model: Path, settings: Evaluate) -> None:
        self._scorer = Scorer(
            model,
            device=settings.device,
            dtype=settings.dtype,
            batch_tokens=settings.batch_tokens,
            max_length=settings.max_length,
        )

    def __call__(self, asked: Asked, run: RunName, on_progress: Callable[[int], None]) -> Scored:
        """One task."""
        found, left_out = self._scorer.score(asked.items, on_progress)
        rows = result_table(asked, run, ((one.item.item, one.item.group, metrics_of(one)) for one in found))
        return Scored(rows, left_out, sum(one.cut for one in found))

    def close(self) -> None:
        """Nothing to end."""


def metrics_of(one: Likelihoods) -> dict[str, float]:
    """The metrics of one item."""
    item = one.item
    if item.rolling:
        return {"bpb": bits_per_byte(one.values[0], len(item.requests[0][1].encode("utf-8", "surrogatepass")))}
    found = score_choices(one.values, item.lengths, item.gold)
    found["prob_norm_token"] = per_token(one.values, one.tokens, item.gold)
    return found
