"""The page in a real Chromium: what a person sees and does."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from browser import Page, browser, chromium
from make_run import HOSTILE, PLAIN, document, make_run

from tilth.view.samples import write_samples

BINARY = chromium()
pytestmark = pytest.mark.skipif(BINARY is None, reason="no Chromium found; set TILTH_CHROMIUM to the path of one")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    run = tmp_path_factory.mktemp("runs") / "demo"
    make_run(run, [document(text, number) for number, text in enumerate([*PLAIN, *HOSTILE] * 12)], engine="endpoint")
    return write_samples(run).as_uri()


def visit(url: str, look: Callable[[Page], Awaitable[Any]], width: int = 1300) -> tuple[Any, Page]:
    async def whole() -> tuple[Any, Page]:
        assert BINARY is not None
        async with browser(BINARY) as page:
            await page.size(width, 900)
            await page.open(url)
            return await look(page), page

    return asyncio.run(whole())


def test_the_page_lays_itself_out_without_a_fault_a_dialog_or_a_request(url: str):
    async def look(page: Page) -> list[Any]:
        await page.run("document.querySelector('.more').click(); new Promise((done) => setTimeout(done, 300))")
        return [
            await page.run("document.querySelectorAll('article').length"),
            await page.run("document.querySelectorAll('img, iframe, object, embed').length"),
            await page.run("document.querySelectorAll('script').length"),
            await page.run("document.body.innerText"),
        ]

    (cards, foreign, scripts, text), page = visit(url, look)
    assert cards >= 20
    assert foreign == 0
    assert scripts == 2
    assert "Collapse alarm" in text
    assert not page.of("Page.javascriptDialogOpening")
    assert not page.of("Runtime.exceptionThrown")
    assert not [entry for entry in page.of("Log.entryAdded") if entry["entry"]["level"] == "error"]
    asked = {event["request"]["url"].split("#")[0] for event in page.of("Network.requestWillBeSent")}
    assert asked <= {url, "data:,"}


def test_hostile_text_is_shown_as_text_and_its_controls_by_name(url: str):
    async def look(page: Page) -> str:
        return await page.run(
            "[...document.querySelectorAll('article .text')].map((each) => each.textContent).join('\\n')"
        )

    text, _ = visit(f"{url}#text=lazy+dog", look)
    assert "Before </script><script>alert(1)</script> <img src=x onerror=alert(2)> & <b>bold</b> <!-- <script>." in text
    assert "A turn U+202Eround" in text
    assert "an escape U+001B[31m" in text
    assert not set("\u202e\x1b\x07\u2028") & set(text)


def test_filters_choose_rows_and_the_address_keeps_them(url: str):
    async def look(page: Page) -> list[Any]:
        await page.run(
            "(() => { const s = document.querySelector('[data-filter=verdict]'); s.value = 'dropped';"
            " s.dispatchEvent(new Event('change')); })()"
        )
        seen = await page.run(
            "[...new Set([...document.querySelectorAll('article')].map((a) => a.className.split(' ')[0]))]"
        )
        return [seen, await page.run("location.hash"), await page.run("document.querySelector('.status').innerText")]

    (seen, address, status), _ = visit(url, look)
    assert seen == ["dropped"]
    assert address == "#verdict=dropped"
    assert " of " in status


def test_a_reason_in_the_ledger_leads_to_its_rows(url: str):
    async def look(page: Page) -> Any:
        await page.run(
            "[...document.querySelectorAll('button.term')].find((b) => b.textContent.includes('loop')).click()"
        )
        return await page.run(
            "[...new Set([...document.querySelectorAll('article .why')].map((w) => w.firstChild.textContent))]"
        )

    reasons, _ = visit(url, look)
    assert reasons == ["loop"]


def test_keys_walk_through_the_samples(url: str):
    async def look(page: Page) -> list[Any]:
        where = "[...document.querySelectorAll('article')].indexOf(document.activeElement)"
        seen = []
        for key in ("j", "j", "k"):
            await page.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=key)
            seen.append(await page.run(where))
        await page.call("Input.dispatchKeyEvent", type="keyDown", key="/", text="/")
        return [*seen, await page.run("document.activeElement.type")]

    seen, _ = visit(url, look)
    assert seen == [0, 1, 0, "search"]


def test_lineage_is_laid_out_as_names_and_values(url: str):
    async def look(page: Page) -> str:
        return await page.run("document.querySelector('article .facts').textContent")

    text, _ = visit(f"{url}#prompt=faq&verdict=kept", look)
    assert "promptfaq@1" in text
    assert "Qwen/Qwen3-1.7B" in text
    assert "[object" not in text


def test_a_copied_span_far_down_a_source_is_in_sight_before_anything_is_opened(tmp_path: Path):
    filler = "\n".join(f"Line {number} says little." for number in range(80))
    make_run(tmp_path / "r", [document(f"{filler}\n{PLAIN[0]}", 1)], prompts=("faq",))
    [part] = (tmp_path / "r" / "rephrased").glob("part-*.parquet")
    table = pq.read_table(part)
    column = table.schema.get_field_index("text")
    pq.write_table(table.set_column(column, table.schema.field("text"), [[PLAIN[0]] * len(table)]), part)

    async def look(page: Page) -> Any:
        return await page.run(
            "(() => { const m = document.querySelector('article mark').getBoundingClientRect();"
            " const t = document.querySelector('article .text').getBoundingClientRect();"
            " return m.top >= t.top && m.bottom <= t.bottom + 400 && m.top < t.bottom; })()"
        )

    seen, _ = visit(write_samples(tmp_path / "r").as_uri(), look)
    assert seen is True


def test_on_a_phone_nothing_is_wider_than_the_screen(url: str):
    async def look(page: Page) -> int:
        return await page.run("document.documentElement.scrollWidth")

    width, _ = visit(url, look, width=390)
    assert width == 390


def test_texts_have_enough_contrast_in_light_and_dark(url: str):
    """WCAG 2.1, 1.4.3: 4.5 to 1, for each pair of colours that the page puts together."""
    pairs = [
        ("ink", "paper"),
        ("soft", "paper"),
        ("soft", "card"),
        ("soft", "faint"),
        ("ink", "warn"),
        ("accent", "card"),
    ]
    pairs += [("mark-ink", "mark"), *((verdict, "card") for verdict in ("kept", "flagged", "dropped", "rejected"))]

    async def look(page: Page) -> list[str]:
        found = []
        for dark in (False, True):
            await page.size(1300, 900, dark)
            names = await page.run(
                "(() => { const s = getComputedStyle(document.documentElement); const out = {};"
                f" for (const n of {sorted({name for pair in pairs for name in pair})})"
                " out[n] = s.getPropertyValue('--' + n).trim(); return out; })()"
            )
            found += [f"{a} on {b}, dark {dark}" for a, b in pairs if _contrast(names[a], names[b]) < 4.5]
        return found

    faults, _ = visit(url, look)
    assert faults == []


def _contrast(first: str, second: str) -> float:
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
