"""report.html: well-formed, by itself, safe, and shown by a browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from html import escape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from builders.networks import convert, images, planner, residual
from dqa.conversion.recipe import as_mapping
from dqa.graph import Graph
from dqa.lowering.build import edge_order
from dqa.program import Program
from dqa.report import build_report
from dqa.report.html import render_html
from dqa.report.plan import plan_section
from dqa.report.plots import Axis
from dqa.support.settings import ConvertConfig

HTML = "{http://www.w3.org/1999/xhtml}"
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</title></svg><script>alert(1)</script>\" onload='x' & \x00\x1b ￿ \ud800 ]]> ü"
"""A name that a file may give a layer."""


def report_of(program: Program, graph: Graph, formats: dict[int, Any], plan: dict[str, Any]) -> dict[str, Any]:
    """What `dqa convert` puts together."""
    start = {"dqa": "0", "model": {"source": "net.h5", "sha256": "0" * 64}, "config": as_mapping(ConvertConfig())}
    return {**start, **build_report(program, 1234, graph, edge_order(graph), formats), "plan": plan}


@pytest.fixture(scope="module")
def planned_report() -> dict[str, Any]:
    """Of a plan with a front."""
    plans = planner()
    planned = plans.auto()
    return report_of(planned.program, plans.network.graph, planned.formats, plan_section(planned.program, planned))


def stored_report() -> dict[str, Any]:
    """Of a conversion without a planner."""
    graph = residual(1)
    program, formats = convert(graph, images(1, 16, graph), ConvertConfig())
    return report_of(program, graph, formats, plan_section(program))


def named(report: dict[str, Any], name: str) -> dict[str, Any]:
    """The report with another name for the activation and the operator "conv_2d_5" (JSON text does not escape here)."""
    old = report["layers"][0]["name"]

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: renamed(item) for key, item in value.items()}
        if isinstance(value, list):
            return [renamed(item) for item in value]
        return value.replace(old, name) if isinstance(value, str) else value

    result: dict[str, Any] = renamed(report)
    return result


def parsed(text: str) -> ElementTree.Element:
    """The page as XML; fails if it is not well-formed."""
    return ElementTree.fromstring(text.encode("utf-8"))


def test_the_page_is_well_formed_and_has_all_sections(planned_report: dict[str, Any]) -> None:
    page = parsed(render_html(planned_report))

    found = {section.get("id") for section in page.iter(f"{HTML}section")}
    assert found == {"plan", "memory", "front", "edges", "layers", "settings"}
    assert [picture.get("id") for picture in page.iter(f"{SVG}svg")] == [
        "memory-internal",
        "memory-external",
        "memory-pushed",
        "front-plot",
    ]


def test_the_page_needs_nothing_from_outside_and_runs_nothing(planned_report: dict[str, Any]) -> None:
    text = render_html(planned_report)
    page = parsed(text)

    names_only = text.replace("http://www.w3.org/1999/xhtml", "").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|//[a-z]|url\(|@import|javascript:|data:", names_only)
    tags = {element.tag.split("}")[1] for element in page.iter()}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "use", "image", "foreignObject", "base", "form"}
    assert not [key for element in page.iter() for key in element.attrib if key.startswith("on") or key in {"href", "src"}]


def test_every_activation_operator_buffer_and_reason_is_in_the_page(planned_report: dict[str, Any]) -> None:
    text = "".join(parsed(render_html(planned_report)).itertext())
    plan = planned_report["plan"]

    wanted = [edge["name"] for edge in planned_report["edges"]] + [layer["name"] for layer in planned_report["layers"]]
    wanted += [edge["reason"] for edge in plan["edges"]] + [phase["reason"] for phase in plan["phases"]]
    wanted += [plan["smallest"]["reason"], plan["choice"]["reason"], f"{plan['arena']['internal']:,} B"]
    assert [words for words in wanted if words not in text] == []
    for layout, buffers in plan["memory"].items():
        for buffer in buffers:
            assert buffer["where"] == "output" or f"{buffer['size']:,} B at {buffer['offset']:,}" in text, (layout, buffer)


def test_what_few_bits_save_is_told_per_map_and_in_all() -> None:
    report = stored_report()
    packed_edges = [edge for edge in report["edges"] if edge["storage"] == "map"]
    assert packed_edges and all(edge["plain_bytes"] == np.prod(edge["shape"]) > edge["capacity"] for edge in packed_edges)
    packed = report["packed_maps"]
    totals = {name: sum(edge[column] for edge in packed_edges) for name, column in (("bytes", "capacity"), ("plain_bytes", "plain_bytes"))}
    assert packed == {"count": len(packed_edges), **totals}
    page = "".join(parsed(render_html(report)).itertext())
    assert f"stored with fewer than 8 bits: {packed['bytes']:,} B, with 8 bits {packed['plain_bytes']:,} B" in page
    assert "fewer than 8 bits" not in render_html({name: part for name, part in report.items() if name != "packed_maps"})


def test_buffers_are_drawn_where_and_as_long_as_they_live(planned_report: dict[str, Any]) -> None:
    plan = planned_report["plan"]
    page = parsed(render_html(planned_report))
    picture = next(svg for svg in page.iter(f"{SVG}svg") if svg.get("id") == "memory-internal")
    drawn = [r for r in picture.iter(f"{SVG}rect") if (r.get("class") or "").startswith("buffer")]
    buffers = sorted(plan["memory"]["internal"], key=lambda buffer: -buffer["size"])
    phases = [r for r in picture.iter(f"{SVG}rect") if (r.get("class") or "").startswith("phase")]
    edges = [float(r.get("x", "")) for r in phases] + [float(phases[-1].get("x", "")) + float(phases[-1].get("width", ""))]
    bottom = float(phases[0].get("y", "")) + float(phases[0].get("height", ""))
    scale = float(phases[0].get("height", "")) / plan["arena"]["internal"]

    assert len(drawn) == len(buffers) and len(phases) == len(plan["phases"])
    for rect, buffer in zip(drawn, buffers, strict=True):
        x, y, width, height = (float(rect.get(key, "")) for key in ("x", "y", "width", "height"))
        assert x == pytest.approx(edges[buffer["first"]], abs=1.1)
        assert x + width == pytest.approx(edges[buffer["last"] + 1], abs=1.1)
        assert y == pytest.approx(bottom - (buffer["offset"] + buffer["size"]) * scale, abs=0.1)
        assert height == pytest.approx(max(buffer["size"] * scale, 0.5), abs=0.1)
        assert f"k-{buffer['kind']}" in (rect.get("class") or "")


def test_no_buffer_hides_the_name_in_another(planned_report: dict[str, Any]) -> None:
    picture = next(svg for svg in parsed(render_html(planned_report)).iter(f"{SVG}svg") if svg.get("id") == "memory-internal")
    seen: list[tuple[float, float]] = []
    for group in picture.iter(f"{SVG}g"):
        rect, text = group.find(f"{SVG}rect"), group.find(f"{SVG}text")
        assert rect is not None
        x, y, width, height = (float(rect.get(key, "")) for key in ("x", "y", "width", "height"))
        assert not [at for at in seen if x < at[0] < x + width and y < at[1] < y + height]
        if text is not None:
            seen.append((float(text.get("x", "")), float(text.get("y", "")) - 4))
    assert seen


def test_the_front_is_drawn_with_the_chosen_plan_marked_once(planned_report: dict[str, Any]) -> None:
    page = parsed(render_html(planned_report))
    picture = next(svg for svg in page.iter(f"{SVG}svg") if svg.get("id") == "front-plot")
    points = [(p.get("class"), float(p.get("cx", "")), float(p.get("cy", ""))) for p in picture.iter(f"{SVG}circle")]
    front = [point[1:] for point in points if point[0] == "point"]
    chosen = [point[1:] for point in points if point[0] == "point chosen"]

    assert len(front) == len(planned_report["plan"]["front"]) and len(chosen) == 1
    assert front == sorted(front), "more RAM to the right"
    assert [y for _, y in front] == sorted(y for _, y in front), "less loss below"
    assert chosen[0] == front[[point["chosen"] for point in planned_report["plan"]["front"]].index(True)]


def test_hostile_names_stay_text(planned_report: dict[str, Any]) -> None:
    hostile = named(planned_report, HOSTILE)
    text = render_html({**hostile, "model": {"source": HOSTILE, "sha256": HOSTILE}})
    page = parsed(text)
    shown = HOSTILE.translate({0: "\ufffd", 0x1B: "\ufffd", 0xFFFF: "\ufffd", 0xD800: "\ufffd"})

    assert "<script" not in text and escape("<script>alert(1)") in text
    assert len(list(page.iter())) == len(list(parsed(render_html(planned_report)).iter()))
    assert {key for element in page.iter() for key in element.attrib}.isdisjoint({"onload"})
    assert shown in (next(page.iter(f"{HTML}h1")).text or "")


def test_a_report_without_a_planner_is_shown_without_a_front() -> None:
    page = parsed(render_html(stored_report()))

    assert "front" not in {section.get("id") for section in page.iter(f"{HTML}section")}
    assert "No plan was made" in "".join(page.itertext())


def test_a_report_without_a_plan_is_shown_too() -> None:
    report = stored_report()
    del report["plan"]
    text = "".join(parsed(render_html(report)).itertext())

    assert all(edge["name"] in text and edge["reason"] in text for edge in report["edges"])


def test_evaluations_and_builds_of_its_program_are_shown_and_no_others() -> None:
    result = {"metric": "top1", "value": 0.9125, "samples": 80, "target": "sim:here", "agreement": {"equal": 79, "of": 80}, "data": "x.npz"}
    limited = {"metric": "auc", "samples": 1, "target": "tflm-host", "program_sha256": "this"}  # too few samples for a value
    figures = {"ram": {"static": 5000}, "instructions": 123456, "program_sha256": "this"}
    build = {"board": "one", "runtime": "standalone", "pushed": False, "flash": {"code": 1, "model": 2}, "ram": {"static": 3, "model": 4}}
    report = stored_report() | {
        "program": {"sha256": "this"},
        "evaluations": [result | figures, result | {"target": "host", "program_sha256": "this"}, result | {"target": "sim:other"}, limited],
        "builds": [build | {"program_sha256": "this"}, build | {"board": "two", "program_sha256": "another"}],
    }
    page = parsed(render_html(report))
    sections = {section.get("id"): "".join(section.itertext()) for section in page.iter(f"{HTML}section")}

    assert all(
        words in sections["evaluations"]
        for words in ("sim:here", "0.9125", "79 of 80", "static 5,000 B", "123,456", "x.npz", "host", "tflm-host")
    )
    assert "sim:other" not in sections["evaluations"]
    assert "one" in sections["builds"] and "two" not in sections["builds"]


def measured_report() -> dict[str, Any]:
    """Of three plans of which the middle one was taken, and an evaluation with classes."""
    figures = {"snr": 30.0, "largest": 0.5, "agreement": 0.975, "interval": [0.9, 0.99], "metric": 0.9, "errors": [0, 1, 0, 3]}
    measured = {
        "samples": 40,
        "source": "calibration samples set aside",
        "metric": "top1",
        "float_value": 0.925,
        "outputs": [{"name": "dense", "metric": "top1", "float_value": 0.925, "int8": figures | {"errors": [0, 0, 2, 2]}, "dqa": figures}],
        "reference_snr": 33.0,
        "least_snr": 27.0,
        "holds": True,
        "tried": 3,
        "nearest": None,
        "plans": [{"arena": arena, "snr": snr, "taken": arena == 2000} for arena, snr in ((1000, 12.5), (2000, 30.0), (3000, 31.0))],
    }
    classes = {
        "names": ["cat", "dog"],
        "figure": "accuracy",
        "values": [0.9, None],
        "float_values": [0.8, 0.7],
        "confusion": [[9, 1], [0, 0]],
    }
    worst = [{"sample": 17, "by": 0.75, "answer": 1, "label": 0}]
    result = {"metric": "top1", "value": 0.9, "samples": 10, "target": "host", "program_sha256": "this", "classes": classes, "worst": worst}
    return stored_report() | {"program": {"sha256": "this"}, "measured": measured, "notes": [], "evaluations": [result]}


def test_plans_that_were_measured_are_points_and_the_one_taken_is_marked() -> None:
    page = parsed(render_html(measured_report()))
    picture = next(svg for svg in page.iter(f"{SVG}svg") if svg.get("id") == "plans-plot")
    points = [point.get("class") for point in picture.iter(f"{SVG}circle")]
    assert points == ["point", "point chosen", "point"]
    assert "taken: 2,000 bytes, 30.0 dB" in "".join(picture.itertext())


def test_errors_of_int8_and_of_the_program_are_bars_as_high_as_their_shares() -> None:
    page = parsed(render_html(measured_report()))
    picture = next(svg for svg in page.iter(f"{SVG}svg") if svg.get("id") == "errors-plot-0")
    heights = {
        which: [float(r.get("height", "")) for r in picture.iter(f"{SVG}rect") if r.get("class") == f"bar b-{which}"]
        for which in ("int8", "dqa")
    }
    assert heights["int8"][2] == heights["int8"][3] > 0 == heights["int8"][0]
    assert heights["dqa"][3] == pytest.approx(3 * heights["dqa"][1], abs=0.1) and heights["dqa"][2] == 0


def test_six_figures_stand_at_the_head_of_any_report(planned_report: dict[str, Any]) -> None:
    for report in (planned_report, stored_report(), measured_report()):
        page = parsed(render_html(report))
        assert sum(part.get("class") == "figure" for part in page.iter(f"{HTML}div")) == 6
    assert "top1; float 0.925, int8 0.9" in render_html(measured_report())


def test_a_report_of_an_earlier_version_is_shown_too() -> None:
    """It lacks what was added since: a metric by output, sizes of errors, plans, constants."""
    report = measured_report()
    del report["measured"]["plans"]
    output = report["measured"]["outputs"][0]
    del output["metric"], output["float_value"], output["int8"]["errors"], output["dqa"]["errors"]
    for layer in report["layers"]:
        del layer["constants"]
    for edge in report["edges"]:
        del edge["plain_bytes"]
    del report["packed_maps"]
    assert "top1" in "".join(parsed(render_html(report)).itertext())


def test_classes_and_the_samples_answered_worst_are_in_the_page() -> None:
    page = parsed(render_html(measured_report()))
    rows = [[cell.text or "" for cell in row] for row in page.iter(f"{HTML}tr")]
    assert ["cat", "0.9", "0.8"] in rows and ["dog", "", "0.7"] in rows
    assert ["cat", "9", "1"] in rows and ["dog", "", ""] in rows
    assert ["17", "0.75", "dog", "cat"] in rows


@pytest.mark.parametrize(("low", "high", "logarithmic"), [(0, 11972, False), (0, 3, False), (1e-5, 0.3, True), (0.02, 0.05, True)])
def test_axes_have_a_few_round_ticks_inside(low: float, high: float, logarithmic: bool) -> None:
    axis = Axis(low, high, 500, 20, logarithmic)

    assert 2 <= len(axis.ticks()) <= 14
    assert all(19.4 <= axis.at(tick) <= 500.6 for tick in axis.ticks())
    assert all(f"{tick:.0e}"[0] in "0125" for tick in axis.ticks()) or not logarithmic


def test_a_browser_shows_the_plots(planned_report: dict[str, Any], tmp_path: Path) -> None:
    browser = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    if browser is None:
        pytest.skip("no Chromium")
    page = tmp_path / "report.html"
    page.write_text(render_html(named(planned_report, HOSTILE)), encoding="utf-8")
    quiet = "--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
    command = [browser, "--headless", "--no-sandbox", *quiet.split(), f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    done = subprocess.run([*command, page.as_uri()], capture_output=True, timeout=120, check=True)
    dom = done.stdout.decode("utf-8")
    plan = planned_report["plan"]

    for layout, buffers in plan["memory"].items():
        picture = re.search(rf'<svg[^>]*id="memory-{layout}".*?</svg>', dom, re.DOTALL)
        assert picture is not None and picture[0].count('class="buffer ') == sum(b["where"] == "arena" for b in buffers)
    front = re.search(r'<svg[^>]*id="front-plot".*?</svg>', dom, re.DOTALL)
    assert front is not None and front[0].count("<circle") == len(plan["front"]) + 1
    assert "<script" not in dom
