"""Fitting: every piece fits, no larger one does, nothing is lost, the instruction is never touched."""

import functools
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import CHAT_TEMPLATE, CHINESE, CODE, EMOJI, ENGLISH, byte_level_tokenizer, sentencepiece_like

from tilth.generate.fit import Fitter, Piece, TooLong, byte_cost, covers, cuts, stitch
from tilth.generate.model import Fit
from tilth.generate.tokenizer import TokenCounter

INSTRUCTION = "Rewrite the text below as a table.\n\n"
LEVELS = range(6)


@functools.cache
def counter(kind: str) -> TokenCounter | None:
    if kind == "bytes":
        return None
    tokenizer = byte_level_tokenizer() if kind == "byte-level" else sentencepiece_like()
    return TokenCounter(tokenizer.to_str(), name=kind, template=CHAT_TEMPLATE if kind == "byte-level" else None)


KINDS = ("byte-level", "sentencepiece", "bytes")


def frame(part: str) -> tuple[tuple[str, str], ...]:
    return (("system", "Answer only."), ("user", INSTRUCTION + part + "\n\nBegin."))


def cost(kind: str, text: str) -> int:
    found = counter(kind)
    return byte_cost(frame(text)) if found is None else found.count_messages(frame(text))


def text_cost(kind: str, text: str) -> int:
    found = counter(kind)
    return len(text.encode()) if found is None else found.count(text)


def fit(kind: str, document: str, room: int, **settings: object) -> tuple[list[Piece] | TooLong, int]:
    """Pieces for a budget that leaves `room` tokens beside the frame."""
    budget = cost(kind, "") + room
    fitter = Fitter(counter=counter(kind), context=budget + 100, fit=Fit(**settings))
    return fitter.pieces(document, frame, 100), budget


PARTS = st.one_of(
    st.sampled_from(
        [ENGLISH, CHINESE, CODE, EMOJI, ENGLISH.replace("\n", " "), "word " * 40, "字" * 60, "\n\n", " \n "]
    ),
    st.text(max_size=80).filter(lambda text: text.isprintable()),
)
DOCUMENTS = st.lists(PARTS, min_size=1, max_size=8).map("".join).filter(str.strip)
ROOMS = st.integers(1, 400)


def one_more(document: str, piece: Piece, side: str) -> str:
    """The piece with one more unit on a side, at the best level that it is cut at there."""
    edge = piece.end if side == "right" else piece.start
    low, high = len(document[:edge].rstrip()), len(document) - len(document[edge:].lstrip())
    for level in LEVELS:
        places = [0, *cuts(document, 0, len(document), level), len(document)]
        if any(low <= place <= high for place in places[1:-1]):
            if side == "right":
                return document[piece.start : min(place for place in places if place > high)].strip()
            return document[max(place for place in places if place < low) : piece.end].strip()
    raise AssertionError("the cut is at no bound")


@pytest.mark.parametrize("kind", KINDS)
@given(document=DOCUMENTS, room=ROOMS)
@settings(deadline=None, max_examples=40)
def test_the_head_fits_exactly_and_one_more_unit_would_not(kind: str, document: str, room: int) -> None:
    pieces, budget = fit(kind, document, room)
    if isinstance(pieces, TooLong):
        assert pieces.reason == "prompt_too_long"
        first = document.lstrip()[:1]
        assert cost(kind, first) > budget
        return
    [piece] = pieces
    assert document[piece.start : piece.end] == piece.text
    assert cost(kind, piece.text) <= budget
    if piece.how == "whole":
        assert piece.text == document
        return
    if piece.text == document.strip():  # only the white space around it was too much
        return
    assert cost(kind, document) > budget
    assert not document[: piece.start].strip()
    assert cost(kind, one_more(document, piece, "right")) > budget


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["tail", "middle"])
@given(document=DOCUMENTS, room=ROOMS)
@settings(deadline=None, max_examples=30)
def test_tail_and_middle_fit_and_keep_their_end(kind: str, mode: str, document: str, room: int) -> None:
    pieces, budget = fit(kind, document, room, mode=mode)
    if isinstance(pieces, TooLong):
        return
    [piece] = pieces
    assert document[piece.start : piece.end] == piece.text
    assert cost(kind, piece.text) <= budget
    if piece.how == "whole" or piece.text == document.strip():
        return
    if mode == "tail":
        assert not document[piece.end :].strip()
        assert cost(kind, one_more(document, piece, "left")) > budget
    else:
        lead = len(document) - len(document.lstrip())
        centre = (lead + len(document.rstrip())) // 2
        reaching = document[min(centre, piece.start) : max(centre + 1, piece.end)].strip()
        assert reaching == piece.text or cost(kind, reaching) > budget


@pytest.mark.parametrize("kind", KINDS)
@given(document=DOCUMENTS, room=st.integers(8, 300), overlap=st.integers(0, 60))
@settings(deadline=None, max_examples=40)
def test_windows_fit_and_cover_the_document(kind: str, document: str, room: int, overlap: int) -> None:
    pieces, budget = fit(kind, document, room, mode="windows", overlap=overlap)
    if isinstance(pieces, TooLong):
        return
    assert covers(document, pieces)
    assert [piece.window for piece in pieces] == list(range(len(pieces)))
    assert {piece.windows for piece in pieces} == {len(pieces)}
    for piece in pieces:
        assert cost(kind, piece.text) <= budget
    for one, two in itertools.pairwise(pieces):
        assert two.end > one.end
        assert two.start > one.start
        if two.start < one.end:
            assert text_cost(kind, document[two.start : one.end].strip()) <= overlap


def test_windows_repeat_whole_units_of_the_one_before() -> None:
    document = "\n\n".join(f"Paragraph {index} has some words in it, and a second part." for index in range(40))
    pieces, _ = fit("byte-level", document, 200, mode="windows", overlap=80)
    assert len(pieces) > 2
    for one, two in itertools.pairwise(pieces):
        assert one.start < two.start < one.end
        assert document[two.start - 2 : two.start] == "\n\n"


@pytest.mark.parametrize("kind", KINDS)
def test_cuts_fall_between_paragraphs_where_they_are_short(kind: str) -> None:
    document = "\n\n".join(f"Paragraph {index} is short." for index in range(200))
    [piece] = fit(kind, document, 300)[0]
    assert piece.text.endswith("is short.")
    assert document[piece.end : piece.end + 2] == "\n\n"
    assert piece.how == ("bytes" if kind == "bytes" else "tokens")


@pytest.mark.parametrize(
    ("unit", "ending"),
    [("One line here\n", "here"), ("A sentence stands here. ", "."), ("这里有一句话。", "。"), ("word ", "word")],
)
def test_a_paragraph_that_is_too_long_is_cut_at_the_next_best_bound(unit: str, ending: str) -> None:
    document = "Title\n\n" + unit * 400
    [piece] = fit("byte-level", document, 300)[0]
    assert piece.text.startswith("Title\n\n")
    assert piece.text.endswith(ending)
    assert counter("byte-level").count(piece.text) > 280


def test_a_short_title_is_not_all_that_is_kept() -> None:
    long = " ".join(f"Sentence number {index}." for index in range(40))
    document = f"Title\n\n{long}\n\nEnd."
    room = counter("byte-level").count(long) + 1  # the paragraph alone fits; with the title it does not
    [piece] = fit("byte-level", document, room)[0]
    assert piece.text.startswith("Title\n\nSentence number 0.")
    assert piece.text.endswith(".")


def test_graphemes_are_not_torn() -> None:
    family = "👩‍👩‍👧‍👦"
    [piece] = fit("byte-level", family * 50, 90)[0]
    assert len(piece.text) % len(family) == 0
    [piece] = fit("byte-level", "e\u0301" * 100, 31)[0]
    assert len(piece.text) % 2 == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["head", "tail", "middle", "windows"])
def test_the_cap_on_document_tokens_holds(kind: str, mode: str) -> None:
    pieces, _ = fit(kind, ENGLISH * 10, 5000, mode=mode, document_tokens=60)
    assert pieces
    assert all(text_cost(kind, piece.text) <= 60 for piece in pieces)
    assert max(text_cost(kind, piece.text) for piece in pieces) > 30


def test_refuse_names_the_document_not_the_prompt() -> None:
    assert fit("byte-level", ENGLISH * 10, 50, mode="refuse")[0] == TooLong("document_too_long")
    [piece] = fit("byte-level", "Short.", 50, mode="refuse")[0]
    assert piece.how == "whole"


@pytest.mark.parametrize("mode", ["head", "tail", "middle", "windows", "refuse"])
def test_an_instruction_that_fills_the_window_is_too_long(mode: str) -> None:
    fitter = Fitter(counter=counter("byte-level"), context=100, fit=Fit(mode=mode))
    assert fitter.pieces(ENGLISH, frame, 95) == TooLong("prompt_too_long")


def test_a_document_whose_bytes_fit_is_never_tokenised(monkeypatch: pytest.MonkeyPatch) -> None:
    found = TokenCounter(byte_level_tokenizer().to_str(), name="t", template=CHAT_TEMPLATE)
    monkeypatch.setattr(found, "_encode", lambda *_, **__: pytest.fail("tokenised"))
    [piece] = Fitter(counter=found, context=8192, fit=Fit()).pieces(ENGLISH * 6, frame, 2048)
    assert piece == Piece(ENGLISH * 6, 0, len(ENGLISH * 6), 0, 1, "whole")


@pytest.mark.parametrize(
    "text", ["x" * 60_000, " " * 30_000 + "x" * 30_000, "\n" * 60_000 + "x", "." * 60_000, '."' * 30_000]
)
@pytest.mark.parametrize("mode", ["head", "tail", "middle", "windows"])
@pytest.mark.timeout(20)
def test_hostile_documents_end_in_reasonable_time(text: str, mode: str) -> None:
    pieces, budget = fit("byte-level", text, 500, mode=mode, overlap=50)
    assert pieces
    assert all(cost("byte-level", piece.text) <= budget for piece in pieces)


def test_an_empty_document_is_one_whole_piece() -> None:
    assert fit("byte-level", "", 10)[0] == [Piece("", 0, 0, 0, 1, "whole")]


def test_answers_to_windows_are_joined_in_order() -> None:
    pieces = [Piece("b", 1, 2, 1, 2, "tokens"), Piece("a", 0, 1, 0, 2, "tokens")]
    assert stitch(pieces, [" two\n", "one"]) == "one\n\ntwo"
    with pytest.raises(ValueError, match="2 pieces"):
        stitch(pieces, ["one"])


def test_a_gap_between_windows_is_seen() -> None:
    pieces = [Piece("ab", 0, 2, 0, 2, "tokens"), Piece("ef", 4, 6, 1, 2, "tokens")]
    assert not covers("abcdef", pieces)
    assert covers("ab  ef", pieces)
