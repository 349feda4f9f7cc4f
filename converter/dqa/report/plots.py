"""Parts of which plots are made: SVG elements with everything escaped, axes and their ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape

CHARACTER = 6.4
"""Width of a character of the plots' 11 px text, px, on average and a little more."""


def element(name: str, *children: str, **attributes: object) -> Markup:
    """An SVG element; text and attributes are escaped. `class_` stands for class, underscores for dashes."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"' for key, value in attributes.items())
    return Markup(f"<{name}{given}>{join(children)}</{name}>")


def join(parts: Iterable[str]) -> Markup:
    """Elements one after the other; plain text is escaped."""
    return Markup("").join(parts)


def svg(width: float, height: float, title: str, *children: str, name: str) -> Markup:
    """A picture that scales to the width of the page; `title` describes it to who cannot see it, `name` is its id."""
    about = element("title", title)
    return element(
        "svg", about, *children, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {_text(width)} {_text(height)}", role="img", id=name
    )


def label(x: float, y: float, text: str, **attributes: object) -> Markup:
    return element("text", text, x=x, y=y, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def shorten(text: str, width: float) -> str:
    """Text that fits a width in px, its end cut if need be; empty if less than three characters fit."""
    most = int(width / CHARACTER)
    if len(text) <= most:
        return text
    return text[: most - 1] + "…" if most >= 3 else ""


@dataclass(frozen=True)
class Axis:
    """Values low..high (low < high; both > 0 if logarithmic) on the pixels start..end."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """The pixel of a value."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round values in the range, about five."""
        return _logarithmic_ticks(self.low, self.high) if self.logarithmic else _linear_ticks(self.low, self.high)


def _linear_ticks(low: float, high: float, about: int = 5) -> list[float]:
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    return [step * i for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _logarithmic_ticks(low: float, high: float) -> list[float]:
    """Powers of ten; with 2 and 5 between them where there are few."""
    factors = (1, 2, 5) if high / low < 1000 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [factor * 10.0**power for power in powers for factor in factors]
    return [value for value in found if low * 0.999 <= value <= high * 1.001]


def _text(value: object) -> str:
    """A number with at most two decimals, anything else as it is."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
