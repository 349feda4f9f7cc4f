"""Pictures of a report and of the pages, light and dark, as wide as a phone and a desk, into docs/images.

    make docs
    python benchmarks/screenshots.py OUT [--site out/docs] [--to docs/images]

Needs Chromium, and Pillow, which comes with the extra [study]. OUT: what dqa convert wrote, best evaluated, built and profiled.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

WIDTHS = {"": (1180, 1500), "_phone": (390, 1100)}
"""Of a desk and of a phone: width and height in px."""
NARROWEST = 500
"""Of a window of Chromium; a narrower page is a frame in one."""
COLOURS = 256
"""The most frequent ones, exactly; others become the nearest of these."""
PAGE = "docs/tutorials.html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--hide-scrollbars")


def shoot(browser: str, page: Path, picture: Path, size: tuple[int, int], dark: bool) -> None:
    """A picture of the top of a page, of few colours."""
    width, height = size
    with tempfile.TemporaryDirectory() as work:
        frame = Path(work) / "frame.html"
        style = f"border:0;width:{width}px;height:{height}px"
        frame.write_text(f'<!DOCTYPE html><body style="margin:0"><iframe src="{page.resolve().as_uri()}" style="{style}"></iframe>')
        window = [f"--user-data-dir={work}/user", f"--window-size={max(width, NARROWEST)},{height}", f"--screenshot={picture.resolve()}"]
        scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
        subprocess.run([browser, *OPTIONS, *window, scheme, frame.as_uri()], check=True, capture_output=True, timeout=120)
    with Image.open(picture) as image:
        shown = image.convert("RGB").crop((0, 0, width, height))
    colours, counts = np.unique(np.asarray(shown).reshape(-1, 3), axis=0, return_counts=True)
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours[np.argsort(-counts)[:COLOURS]].ravel().tolist())
    shown.quantize(palette=palette, dither=Image.Dither.NONE).save(picture, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="a conversion, whose report is shown")
    parser.add_argument("--site", type=Path, default=Path("out/docs"), help="the pages as make docs wrote them (default: %(default)s)")
    parser.add_argument("--to", type=Path, default=Path("docs/images"), help="where the pictures go (default: %(default)s)")
    options = parser.parse_args()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit(f"needs one of {', '.join(BROWSERS)}")
    for name, page in (("report", options.out / "report.html"), ("site", options.site / PAGE)):
        if not page.is_file():
            raise SystemExit(f"{page} is not there")
        for width, size in WIDTHS.items():
            for dark in (False, True):
                picture = options.to / f"{name}{width}{'_dark' if dark else ''}.png"
                shoot(browser, page, picture, size, dark)
                print(f"{picture}: {picture.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
