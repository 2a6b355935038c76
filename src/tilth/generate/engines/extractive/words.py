"""Lists of words written as running text, which reads and merges better than one literal a line."""


def words(text: str) -> frozenset[str]:
    """The words of `text`, parted by white space."""
    return frozenset(text.split())


def pairs(text: str) -> dict[str, str]:
    """Two words a pair, written "key:value"."""
    return {key: value for key, _, value in (word.partition(":") for word in text.split())}


def phrases(text: str) -> frozenset[str]:
    """The phrases of `text`, parted by bars; line breaks count as spaces."""
    return frozenset(" ".join(phrase.split()) for phrase in text.split("|"))
