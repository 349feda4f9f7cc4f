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
import numpy.typing as npt
from PIL import Image

WIDTHS = {"": (1180, 1500), "_phone": (390, 1100)}
"""Of a desk and of a phone: width and height in px."""
NARROWEST = 500
"""Of a window of Chromium; a narrower page is a frame in one."""
COLOURS, NEAR = 256, 12
"""Of a picture at most, and how far apart they are, of 255 a channel."""
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
    shape = Image.new("P", (1, 1))
    shape.putpalette(palette(np.asarray(shown).reshape(-1, 3)).ravel().tolist())
    shown.quantize(palette=shape, dither=Image.Dither.NONE).save(picture, optimize=True)


def palette(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Of colours (N, 3) at most COLOURS: the most frequent, but none near one that is taken already, so that small swatches keep theirs."""
    colours, counts = np.unique(pixels, axis=0, return_counts=True)
    left = colours[np.argsort(-counts, kind="stable")].astype(np.int64)
    taken: list[npt.NDArray[np.int64]] = []
    while len(left) and len(taken) < COLOURS:
        taken.append(left[0])
        left = left[np.square(left - left[0]).sum(axis=1) > NEAR * NEAR]
    return np.array(taken, np.uint8)


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
