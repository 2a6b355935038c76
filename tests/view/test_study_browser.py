"""A study's page in a real Chromium: laid out without a fault or a request, on a wide screen and on a phone."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from browser import Page, browser, chromium
from made_study import rows_of, write

from tilth.view.study.report import Asked, write_report

BINARY = chromium()
pytestmark = pytest.mark.skipif(BINARY is None, reason="no Chromium found; set TILTH_CHROMIUM to the path of one")

_LOOK = """(() => {
  const plot = document.querySelector('svg'), box = plot.getBoundingClientRect();
  const inside = [...plot.querySelectorAll('text')].every((one) => {
    const own = one.getBoundingClientRect();
    return own.left >= box.left - 1 && own.right <= box.right + 1;
  });
  const mark = getComputedStyle(plot.querySelector('.mark.worse')).fill;
  return [document.documentElement.scrollWidth <= innerWidth, inside, mark, document.querySelectorAll('svg').length];
})()"""


async def _visit(url: str, width: int, dark: bool) -> tuple[Any, Page]:
    assert BINARY is not None
    async with browser(BINARY) as page:
        await page.size(width, 900, dark)
        await page.open(url)
        return await page.run(_LOOK), page


@pytest.mark.parametrize(("width", "dark"), [(1300, False), (420, True)])
def test_the_page_is_styled_fits_and_asks_for_nothing(tmp_path: Path, width: int, dark: bool) -> None:
    names = {
        "original": 0.0,
        "a name that is far too long for the column that it stands in " * 3: 0.1,
        "</svg><b>x": 0.12,
    }
    results = write(tmp_path / "r.parquet", rows_of(names))
    write_report(Asked(results=(results,), baseline="original"), tmp_path)
    (fits, inside, mark, charts), page = asyncio.run(_visit((tmp_path / "report.html").as_uri(), width, dark))
    assert fits
    assert inside
    assert mark == ("rgb(238, 139, 123)" if dark else "rgb(166, 61, 47)")
    assert charts == 2
    asked = [one["request"]["url"] for one in page.of("Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert page.of("Log.entryAdded") == []
    assert page.of("Runtime.exceptionThrown") == []
