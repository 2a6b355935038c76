"""The metrics of one item from the log-likelihoods of its answers; both back ends use these and nothing else.

    gold_bpb        -ll_gold / b_gold / ln 2           b: UTF-8 bytes of the answer without the white space before it
    norm_prob_gold  exp(ll_gold / b_gold) / sum over choices of exp(ll_i / b_i)
    margin_bpb      (ll_gold / b_gold - the best other choice's ll_i / b_i) / ln 2
    acc, acc_bytes  whether the gold choice has the highest ll_i, or ll_i / b_i
    acc_centred     (acc_bytes - c) / (1 - c), c: the share of right choices, which is what guessing scores
    prob_norm_token exp(ll_gold / t_gold), t: tokens of the answer; FinePhrase's metric, of one tokenizer only
    bpb             -ll / bytes / ln 2 of a whole text

Where several answers are right the likeliest of them stands for gold, and norm_prob_gold adds them up. A
log-likelihood that is not finite makes every metric NaN: the model diverged.
"""

import math
from collections.abc import Sequence

_LN2 = math.log(2)


def score_choices(likelihoods: Sequence[float], lengths: Sequence[int], gold: Sequence[int]) -> dict[str, float]:
    """The metrics of one item from the log-likelihood (nats) and UTF-8 length of each choice and the right choices.

    With one choice, or only right ones, nothing but gold_bpb can be had.
    """
    per_byte = [value / length for value, length in zip(likelihoods, lengths, strict=True)]
    others = [value for index, value in enumerate(per_byte) if index not in gold]
    names = ("gold_bpb", "norm_prob_gold", "margin_bpb", "acc", "acc_bytes", "acc_centred") if others else ("gold_bpb",)
    if not all(math.isfinite(value) for value in likelihoods):
        return dict.fromkeys(names, math.nan)
    best = max(per_byte[index] for index in gold)
    found = {"gold_bpb": -best / _LN2}
    if others:
        top = max(per_byte)
        weights = [math.exp(value - top) for value in per_byte]
        found["norm_prob_gold"] = sum(weights[index] for index in gold) / sum(weights)
        found["margin_bpb"] = (best - max(others)) / _LN2
        found["acc"] = float(first_of(likelihoods) in gold)
        found["acc_bytes"] = float(first_of(per_byte) in gold)
        found["acc_centred"] = centred(found["acc_bytes"], len(gold) / len(per_byte))
    return found


def centred(accuracy: float, chance: float) -> float:
    """Accuracy with guessing at 0 and perfection at 1, as DCLM's CORE score takes it."""
    return (accuracy - chance) / (1.0 - chance)


def per_token(likelihoods: Sequence[float], tokens: Sequence[int], gold: Sequence[int]) -> float:
    """prob_norm_token: the probability of the likeliest gold answer, to the power of one over its tokens."""
    if not all(math.isfinite(value) for value in likelihoods):
        return math.nan
    return math.exp(max(likelihoods[index] / tokens[index] for index in gold))


def bits_per_byte(likelihood: float, size: int) -> float:
    """Bits per byte of a text of `size` UTF-8 bytes; NaN where the log-likelihood is not finite."""
    return -likelihood / size / _LN2 if math.isfinite(likelihood) else math.nan


def first_of(values: Sequence[float]) -> int:
    """The index of the greatest value, the first where there are several."""
    return max(range(len(values)), key=lambda index: values[index])
