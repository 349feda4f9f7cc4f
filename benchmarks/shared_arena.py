"""Models that do not run at the same time in one firmware: RAM and flash of the image beside those of an image each.

    python benchmarks/shared_arena.py OUT OUT ... [--work DIR]

Each OUT is what dqa convert wrote, with a --name of its own. Each alone, then all of them are exported (`dqa export`), built with
arm-none-eabi-gcc and run on a simulated Cortex-M4 (QEMU's mps2_an386), where the export's self-test must find the host's answers.
RAM is .data and .bss of the linked image, those of the C library with its streams included.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from elftools.elf.elffile import ELFFile

import dqa
from dqa.export.export import export

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from builders import semihosting


def build(outs: Sequence[Path], place: Path) -> Path:
    """The image of the self-test of an export."""
    export(outs, "zip", place)
    (place / "start.c").write_text(semihosting.START)
    sources = [*sorted((place / "src").rglob("*.c")), place / "example" / "main.c", place / "start.c"]
    flags = [*semihosting.PROCESSOR, "-std=c99", "-O2", "-ffunction-sections", "-fdata-sections", f"-I{place / 'src'}", *semihosting.LINK]
    image = place / "self_test.elf"
    subprocess.run([semihosting.COMPILER, *flags, *map(str, sources), "-o", str(image)], check=True)
    return image


def arenas(image: Path) -> dict[str, int]:
    """Bytes of each arena in an image."""
    with image.open("rb") as file:
        symbols = ELFFile(file).get_section_by_name(".symtab").iter_symbols()
        return {one.name: int(one["st_size"]) for one in symbols if one.name.endswith("_arena") and one["st_size"]}


def ram(image: Path) -> int:
    """Bytes of .data and .bss, those of the C library included."""
    with image.open("rb") as file:
        return sum(int(s["sh_size"]) for s in ELFFile(file).iter_sections() if s["sh_flags"] & 3 == 3)


def answer(image: Path) -> str:
    """What the self-test says on the simulated board."""
    command = semihosting.command(image)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=True)
    return ", ".join(done.stdout.split("\n")).strip(", ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outs", type=Path, nargs="+", metavar="OUT", help="what dqa convert --name NAME wrote")
    parser.add_argument("--work", type=Path, help="where exports and images stay")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        images = [build(group, work / f"image{at}") for at, group in enumerate([*([out] for out in options.outs), options.outs])]
        lines = [
            (out.name, sum(arenas(image).values()), ram(image), answer(image)) for out, image in zip(options.outs, images, strict=False)
        ]
        both = ("in one firmware", sum(arenas(images[-1]).values()), ram(images[-1]), answer(images[-1]))
    total = ("the sum", sum(line[1] for line in lines), sum(line[2] for line in lines), "")
    print("| | arena, bytes | RAM of the image | self-test |\n| --- | --- | --- | --- |")
    for name, arena, of_image, said in (*lines, total, both):
        print(f"| {name} | {arena:,} | {of_image:,} | {said} |")


if __name__ == "__main__":
    try:
        main()
    except dqa.DqaError as error:
        raise SystemExit(f"error: {error.message}") from error
