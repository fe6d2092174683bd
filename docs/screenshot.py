"""Makes docs/screenshot.svg: the app on a workspace, the best boosted-tree run in front.

python docs/screenshot.py /srv/flights docs/screenshot.svg
"""

import asyncio
import os
import re
import sys
import tempfile
from pathlib import Path

os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}

from cupola_tui.live import Bridge
from cupola_tui.studio import Studio

_TEXT = re.compile(r'(<text class="[^"]*") x="([0-9.]+)" (y="[0-9.]+") textLength="[0-9.]+"([^>]*)>([^<]*)</text>')
CELL = 12.2  # how wide Textual's export draws a character


async def picture(root: str) -> str:
    """The screen as an SVG."""
    bridge = Bridge(root)
    bridge.start()
    app = Studio(bridge, root)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2")
        while not app.main.table.view.rows.order:
            await pilot.pause(0.1)
        await pilot.press("right", "right", "s", "S", "g")
        runs = app.main.body.view(app.main.pane).rows
        best = next(one for one in runs.order if "HistGradient" in runs.records[one]["estimator"])
        app.main.table.go(runs.order.index(best))
        await pilot.pause(6)  # till the gauge has something to show
        drawn = app.export_screenshot(title="cupola")
    bridge.close()
    return _TEXT.sub(_at, drawn)


def _at(found: re.Match[str]) -> str:
    """A text without the spaces around it, where it stands all the same: some viewers leave them out."""
    head, x, y, more, text = found.groups()
    bare = text.replace("&#160;", " ")
    left = len(bare) - len(bare.lstrip(" "))
    kept = bare.strip(" ")
    length = len(re.sub(r"&[^;]+;", "_", kept))
    if not kept:
        return ""
    moved = f"{float(x) + left * CELL:g}"
    return f'{head} x="{moved}" {y} textLength="{length * CELL:g}"{more}>{kept.replace(" ", "&#160;")}</text>'


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as nothing_remembered:
        os.environ["XDG_STATE_HOME"] = nothing_remembered
        Path(sys.argv[2]).write_text(asyncio.run(picture(sys.argv[1])), encoding="utf-8")
