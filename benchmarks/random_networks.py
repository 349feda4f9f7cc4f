"""Small random networks x weights x calibration data x options, ordinary and extreme: what converts, what is refused, what falls through.

    python benchmarks/random_networks.py [--count 500] [--first 0] [--resume] [-o out/benchmarks]

A conversion may be refused with one clear error; any other exception, a warning of numpy, or a wrong answer is a failure. Answers of 8 bits
on ordinary weights and data must be those of the float network. Writes random_networks.json and .md after each network: a run
that was ended goes on with --resume. Exit code 1 if anything failed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from common import table
from models import ROOT

from dqa.support.files import write_atomically

sys.path.insert(0, str(ROOT / "tests"))
from builders.random_models import Outcome, attempt, case

COLUMNS = ("converted", "refused", "unhandled", "wrong")


def markdown(outcomes: list[Outcome]) -> str:
    ways = Counter((outcome.way, outcome.result) for outcome in outcomes)
    totals = Counter(outcome.result for outcome in outcomes)
    rows: list[list[object]] = [[way, *(ways[way, result] for result in COLUMNS)] for way in sorted({outcome.way for outcome in outcomes})]
    rows.append(["all", *(totals[result] for result in COLUMNS)])
    lines = ["# Random networks", "", f"{len(outcomes)} tried.", "", *table(("options", *COLUMNS), rows), ""]
    reasons = Counter(outcome.why for outcome in outcomes if outcome.result == "refused")
    lines += [*table(("refused because", "times"), [[why, times] for why, times in reasons.most_common()]), ""]
    lines += [f"- {outcome.title}: {outcome.result}: {outcome.why}" for outcome in outcomes if outcome.failed]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500, help="networks to try [500]")
    parser.add_argument("--first", type=int, default=0, help="number of the first [0]")
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "out" / "benchmarks")
    parser.add_argument("--resume", action="store_true", help="go on behind the networks of random_networks.json of an earlier run")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    store, outcomes = arguments.out / "random_networks.json", list[Outcome]()
    if arguments.resume and store.exists():
        outcomes = [Outcome(**row) for row in json.loads(store.read_text(encoding="utf-8"))]
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.first + len(outcomes), arguments.first + arguments.count):
            outcomes.append(attempt(case(number), Path(folder)))
            if outcomes[-1].failed:
                print(f"{outcomes[-1].title}: {outcomes[-1].result}: {outcomes[-1].why}", flush=True)
            write_atomically(store, json.dumps([outcome.to_json() for outcome in outcomes], indent=1) + "\n")
            write_atomically(store.with_suffix(".md"), markdown(outcomes) + "\n")
    print(markdown(outcomes))
    return int(any(outcome.failed for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
