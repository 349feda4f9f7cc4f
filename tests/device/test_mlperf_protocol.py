"""The protocol of MLPerf Tiny: the firmware's own C, compiled for this machine with sanitizers, in whole sessions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from builders.faulty import Native, host_firmware
from builders.firmware import insert, random_samples, write_out
from builders.mlperf_models import Words, classifier, rebuilder, write_model
from builders.ports import ports_of
from builders.programs import random_program
from builders.streams import ladder, streamed
from dqa.device import mlperf
from dqa.device.client import Device
from dqa.device.protocol import FRAME_MAX, Command, Frame
from dqa.engine.host import HostModel
from dqa.errors import InputError, RecipeError
from dqa.program import Interface


@dataclass(frozen=True)
class Model:
    out: Path
    interface: Interface
    host: HostModel

    def answers(self, samples: np.ndarray) -> np.ndarray:
        """The host's real numbers, (N, outputs)."""
        outputs = self.host.run(samples, jobs=1).outputs
        return self.interface.outputs[0].to_real(outputs).reshape(len(samples), -1)


def made(out: Path, name: str) -> Model:
    program = rebuilder() if name == "ad01" else classifier(name)
    return Model(out, write_model(out, program), HostModel((out / "model.dqa").read_bytes()))


@pytest.fixture(scope="module")
def generic(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return made(tmp_path_factory.mktemp("mlperf") / "out", "generic")


@pytest.fixture
def words(generic: Model) -> Iterator[Words]:
    with Native(host_firmware(generic.out, protocol="mlperf")) as board:
        yield Words(board.link)


def test_a_device_says_nothing_before_it_is_asked(words: Words) -> None:
    assert words.is_silent()
    assert words.ask("name") == ["m-name-dut-[host]"]
    assert words.is_silent()


def test_a_device_says_who_it_is(words: Words) -> None:
    assert words.ask("profile") == ["m-profile-[ULPMark for tinyML Firmware V0.0.1]", "m-model-[generic]"]
    assert any(line.startswith("infer N") for line in words.ask("help"))


@pytest.mark.parametrize("name", ["ic01", "kws01"])
def test_the_benchmark_s_models_answer_as_the_host_does(name: str, tmp_path: Path) -> None:
    model = made(tmp_path, name)
    samples = random_samples(4, sum(model.host.input_sizes))
    with Native(host_firmware(tmp_path, protocol="mlperf")) as board:
        words = Words(board.link)
        assert words.ask("profile")[1] == f"m-model-[{name}]"
        for sample, answer in zip(samples, model.answers(samples), strict=True):
            # as printf has it: three digits, of a tie the even one
            assert words.infer(sample.tobytes()) == [float(f"{value:.3f}") for value in answer]


def test_anomaly_detection_takes_floats_and_gives_one_error(tmp_path: Path) -> None:
    model = made(tmp_path, "ad01")
    port = model.interface.inputs[0]
    rng = np.random.default_rng(5)
    real = rng.normal(0, 15, (5, *port.shape)).astype(np.float32)
    real[0, 0, 0, :7] = [1e30, -1e30, np.inf, -np.inf, 0.125, 0.375, -0.125]  # beyond the range, and ties
    real[0, 0, 0, 2:4] = 1e9  # what is infinite has no error that could be compared
    with Native(host_firmware(tmp_path, protocol="mlperf")) as board:
        words = Words(board.link)
        assert words.ask("profile")[1] == "m-model-[ad01]"
        for sample, answer in zip(real, model.answers(port.to_bytes(real)), strict=True):
            expected = float(np.mean(np.square(answer - sample.reshape(-1), dtype=np.float64)))
            (error,) = words.infer(sample.astype("<f4").tobytes())
            assert error == float(f"{np.float32(min(expected, 2.0**41)):.3f}")
        assert words.ask("db load 2561") == ["e-[Supplied buffer size 2561 exceeds maximum of 2560]"]
        words.load(np.full(640, np.nan, "<f4").tobytes())
        assert words.ask("infer 1 0")[-1].startswith("m-results-[")


def test_an_inference_tells_its_time_in_whole_microseconds(words: Words, generic: Model) -> None:
    words.load(bytes(sum(generic.host.input_sizes)))
    lines = words.ask("infer 50 3")
    laps = [int(found[1]) for line in lines if (found := re.fullmatch(r"m-lap-us-(\d+)", line))]
    assert len(laps) == 2 and laps[0] <= laps[1]
    (now,) = words.ask("timestamp")
    assert now == f"m-lap-us-{laps[1]}"


def test_ten_inferences_warm_up_unless_it_is_said_how_many(words: Words, generic: Model) -> None:
    words.load(bytes(sum(generic.host.input_sizes)))
    assert words.ask("infer 2")[0] == "m-warmup-start-10"
    assert words.ask("infer")[:3] == ["m-warmup-start-10", "m-warmup-done", "m-infer-start-1"]


def test_results_are_told_again_and_not_before_there_are_any(words: Words, generic: Model) -> None:
    assert words.ask("results") == ["e-[No results: there was no inference]"]
    sample = random_samples(1, sum(generic.host.input_sizes))[0].tobytes()
    words.load(sample)
    last = words.ask("infer 1 0")[-1]
    assert words.ask("results") == [last]


def test_what_was_loaded_is_shown_eight_bytes_a_line(words: Words) -> None:
    words.load(bytes(range(11)))
    assert words.ask("db print") == ["m-buffer-00-01-02-03-04-05-06-07", "m-buffer-08-09-0a"]


def test_hexadecimal_digits_may_be_large_or_small(words: Words) -> None:
    assert words.ask("db load 2") == ["m-[Expecting 2 bytes]"]
    assert words.ask("db aBCd") == ["m-load-done"]
    assert words.ask("db print") == ["m-buffer-ab-cd"]


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("", "Unknown command: "),
        ("   ", "Unknown command: "),
        ("names", "Unknown command: names"),
        ("NAME", "Unknown command: NAME"),
        ("\r\nname", "Unknown command: ??name"),
        ("db", "Command 'db' requires a subcommand"),
        ("db load", "Command 'db load' requires the # of bytes"),
        ("db load 0", "Command 'db load' must be >0 bytes"),
        ("db load -1", "Command 'db load' must be >0 bytes"),
        ("db load 3x", "Command 'db load' must be >0 bytes"),
        ("db load 41", "Supplied buffer size 41 exceeds maximum of 40"),
        ("db load 999999999", "Supplied buffer size 999999999 exceeds maximum of 40"),
        ("db load 4294967297", "Command 'db load' must be >0 bytes"),
        ("db 123", "Insufficent number of hex digits"),
        ("db 0g", "Invalid hex digit 'g'"),
        ("db 00", "More bytes than 'db load' announced: 0 are missing"),
        ("infer 0", "Inference iterations must be >0"),
        ("infer -3", "Inference iterations must be >0"),
        ("infer many", "Inference iterations must be >0"),
        ("infer 1 -1", "Inference warmup must be >=0"),
        ("infer 1 x", "Inference warmup must be >=0"),
        ("infer 1 0", "The input has 0 of 40 bytes"),
        ("n" * 81, "Command of more than 80 characters"),
        ("n" * 5000, "Command of more than 80 characters"),
        ("n" * 80, "Unknown command: " + "n" * 80),
    ],
)
def test_nonsense_gets_an_error_and_the_device_goes_on(words: Words, command: str, error: str) -> None:
    assert words.ask(command) == [f"e-[{error}]"]
    assert words.ask("name") == ["m-name-dut-[host]"]


def test_an_input_that_is_not_whole_is_not_inferred(words: Words) -> None:
    words.ask("db load 40")
    words.ask("db 0011")
    assert words.ask("infer 1 0") == ["e-[The input has 2 of 40 bytes]"]
    words.load(bytes(39))
    assert words.ask("infer 1 0") == ["e-[The input has 39 of 40 bytes]"]


def test_a_command_with_a_bad_digit_or_bytes_too_many_changes_nothing(words: Words) -> None:
    words.ask("db load 3")
    assert words.ask("db 0102") == []
    assert words.ask("db 0x") == ["e-[Invalid hex digit 'x']"]
    assert words.ask("db 0304") == ["e-[More bytes than 'db load' announced: 1 are missing]"]
    assert words.ask("db print") == ["m-buffer-01-02"]
    assert words.ask("db 03") == ["m-load-done"]


def test_a_load_that_is_refused_leaves_no_room_for_bytes(words: Words) -> None:
    words.ask("db load 4")
    words.ask("db load 1000000")
    assert words.ask("db 00") == ["e-[More bytes than 'db load' announced: 0 are missing]"]


def test_noise_before_a_command_is_forgotten(words: Words) -> None:
    words._link.send(b"prof\xff\x00")
    assert words.ask("name") == ["m-name-dut-[host]"]


def test_random_bytes_do_no_harm(generic: Model) -> None:
    rng = np.random.default_rng(3)
    alphabet = np.frombuffer(b"db load print infer results 0123456789abcdef %%%%%\x00\xff\r\n", np.uint8)
    for protocol in ("mlperf", "both"):
        with Native(host_firmware(generic.out, protocol=protocol)) as board:
            for _ in range(200):
                pool = alphabet if rng.random() < 0.8 else np.arange(256, dtype=np.uint8)
                data = bytes(rng.choice(pool, 60))
                board.link.send(re.sub(rb"(\d)\d{2,}", rb"\1", data))
                board.link.receive(0.001)  # who is not heard talks no longer
            board.link.send(bytes(FRAME_MAX) + b"name%")
            heard = b""
            while not heard.endswith(b"m-name-dut-[host]\r\nm-ready\r\n"):
                more = board.link.receive(20)
                assert more, heard[-200:]
                heard += more


def test_rows_that_are_pushed_are_inferred_as_often_as_asked(tmp_path: Path) -> None:
    program = next(
        found for seed in range(200) if (found := streamed(ladder(seed), seed)).pushed and (found.input_count, found.output_count) == (1, 1)
    )
    interface = write_model(tmp_path, program)
    host = HostModel((tmp_path / "model.dqa").read_bytes(), "pushed")
    samples = random_samples(3, sum(host.input_sizes))
    with Native(host_firmware(tmp_path, pushed=True, protocol="mlperf")) as board:
        words = Words(board.link)
        for sample, output in zip(samples, host.run(samples, jobs=1).outputs, strict=True):
            answer = interface.outputs[0].to_real(output[None]).reshape(-1)
            assert words.infer(sample.tobytes(), 2, 1) == [float(f"{value:.3f}") for value in answer]


def test_a_program_that_does_not_load_is_said_when_it_is_asked_for(generic: Model, tmp_path: Path) -> None:
    write_model(tmp_path, classifier("generic"))
    insert(tmp_path, "dqa_status dqa_model_load(void) {", "return DQA_ERROR_CHECKSUM;")
    with Native(host_firmware(tmp_path, protocol="mlperf")) as board:
        words = Words(board.link)
        words.load(bytes(40))
        assert words.ask("infer 1 0") == ["e-[The model did not load: status 4]"]


def test_both_protocols_are_told_apart_by_what_comes(generic: Model) -> None:
    samples = random_samples(3, sum(generic.host.input_sizes))
    outputs = generic.host.run(samples, jobs=1).outputs
    answers = generic.answers(samples)
    with Native(host_firmware(generic.out, protocol="both")) as board:
        words, device = Words(board.link), Device(board.link)
        for sample, output, answer in zip(samples, outputs, answers, strict=True):
            assert words.infer(sample.tobytes()) == [float(f"{value:.3f}") for value in answer]
            hello = device.hello()
            assert device.infer(hello, sample.tobytes())[0] == output.tobytes()
            assert words.ask("name") == ["m-name-dut-[host]"]


def test_text_inside_of_frames_is_no_command(generic: Model) -> None:
    with Native(host_firmware(generic.out, protocol="both")) as board:
        device = Device(board.link)
        hello = device.hello()
        sample = b"%name%infer 1 0%help%".ljust(sum(generic.host.input_sizes), b"%")
        assert len(device.infer(hello, sample)[0]) == hello.output_size
        assert device.repeats == 0
        damaged = Frame(Command.WRITE_INPUT, 77, b"%infer 1 0%help%" * 4).encode()[:-1] + b"\x00"
        board.link.send(damaged)
        assert b"m-ready" not in board.link.receive(1)
        assert device.hello() == hello


def test_a_firmware_of_text_alone_answers_no_frames(words: Words) -> None:
    words._link.send(Frame(Command.HELLO, 1).encode())
    assert words.is_silent()
    assert words.ask("name") == ["m-name-dut-[host]"]


def test_a_model_without_a_place_in_the_protocol_is_refused(tmp_path: Path) -> None:
    program = next(found for seed in range(50) if len((found := random_program(seed)).outputs) > 1)
    write_model(tmp_path, program)
    with pytest.raises(InputError, match=r"one (in|out)put"):
        mlperf.defines(tmp_path, "both")
    assert mlperf.defines(tmp_path, "dqa") == ()
    with pytest.raises(RecipeError, match="protocol"):
        mlperf.defines(tmp_path, "text")


def test_a_model_with_a_scale_per_channel_is_refused(tmp_path: Path) -> None:
    interface = write_model(tmp_path, classifier("generic"))
    text = (tmp_path / "report.json").read_text()
    (tmp_path / "report.json").write_text(text.replace('"scale": [0.25]', '"scale": [0.25, 0.5]'))
    assert len(interface.inputs) == 1
    with pytest.raises(InputError, match="one per channel"):
        mlperf.defines(tmp_path, "mlperf")


def test_nothing_of_the_protocol_is_in_a_firmware_without_it(tmp_path: Path) -> None:
    write_out(tmp_path, classifier("generic"))
    assert ports_of(classifier("generic")).inputs[0].dtype == "int8"
    with Native(host_firmware(tmp_path)) as board:
        board.link.send(b"name%")
        assert board.link.receive(0.3) == b""
        assert Device(board.link).hello().input_size == 40
