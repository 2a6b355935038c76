"""The part of a text that is looked at: its head and its middle, so that a long document costs what a short one does.

What it guarantees: at most `SAMPLE` characters a text, whatever its length; a text that short is taken whole.
What it costs: one pass to count the characters of the text (about 2 GB a second), nothing that grows beyond it.
"""

import polars as pl

#: Characters of the head and of the middle. Measured on 4,000 shared documents (English and Chinese, markup as it is):
#: a head of 1,000 alone leaves 4 wrong and one of 800 leaves 7; 500 and 500 leave 16, 300 and 300 leave 25. A middle
#: is there for pages whose head is a menu in another language; it is kept short, since tables of names lie there.
HEAD = 1000
MIDDLE = 500
SAMPLE = HEAD + MIDDLE + 1

#: A tag says nothing of the text's language. Bounded, so that a lone "<" takes no paragraph with it.
_TAG = r"<[^<>]{1,300}>"


def cut(texts: pl.Series) -> pl.Series:
    """Samples of `texts` in their order, without tags; null becomes empty."""
    frame = pl.DataFrame({"text": texts.cast(pl.String).fill_null("")})
    text = pl.col("text")
    # counted once: a text below the limit in bytes is below it in characters too
    long = text.str.len_bytes() > SAMPLE
    size = pl.when(long).then(text.str.len_chars()).otherwise(0)
    middle = pl.concat_str(text.str.slice(0, HEAD), pl.lit(" "), text.str.slice(size // 2, MIDDLE))
    cuts = frame.with_columns(size.alias("size")).select(
        pl.when(pl.col("size") > SAMPLE).then(middle).otherwise(text).str.replace_all(_TAG, " ").alias("sample")
    )
    return cuts["sample"]
