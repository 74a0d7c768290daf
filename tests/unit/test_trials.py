"""What the doctor says of the engine's trials, by tables, and which trials it makes."""

from dataclasses import replace
from importlib.metadata import version
from typing import Any

import pytest

from daemon.config.parallelism import Parallelism
from daemon.config.settings import Language, Model, Settings
from daemon.doctor import trials
from daemon.doctor.case import Case
from daemon.doctor.findings import FAILED, OK, WARNING
from daemon.doctor.trials import Trial, examine, finding, models_of, type_findings
from daemon.errors import ANOTHER_CTRANSLATE2, ASK_THE_DOCTOR
from daemon.processes.asking import NoAnswer
from daemon.processes.protocol import FindModel, FoundModel, LoadModel, Ready, Survey, Surveyed, Unready
from tests.builders import load_model, ready

OUT = Unready("CUDA failed with error out of memory", "")
VERSION = version("ctranslate2")
DEAD = NoAnswer("it died (signal 6): Could not load library libcublas.so.12")


@pytest.mark.parametrize(
    ("answer", "device", "runs", "level", "said"),
    [
        (ready(), "cpu", False, OK, "tiny.en on cpu, int8: loaded in 0.1 s, and hears a clip of speech"),
        (ready(canary=" "), "cpu", False, WARNING, "hears nothing"),
        (
            ready(word_fault="no times of words on a T4"),
            "cuda:0",
            False,
            WARNING,
            "no times of words on a T4; recordings",
        ),
        (Unready("no such device", "check nvidia-smi"), "cuda:0", False, FAILED, "no such device"),
        (NoAnswer("it died (signal 6)"), "cuda:0", False, FAILED, f"on cuda:0 with CTranslate2 {VERSION}: it died"),
        (NoAnswer("it died (signal 6)"), "cpu", False, FAILED, "on cpu: it died"),
        (DEAD, "cuda:0", False, FAILED, "libcublas.so.12"),
        (NoAnswer("no answer within 180 s", hangs=True), "cpu", False, FAILED, "no answer within"),
        (OUT, "cuda:0", False, FAILED, "out of memory"),
        (OUT, "cuda:0", True, OK, "beside the daemon's there is no memory"),
        ("nonsense", "cpu", False, FAILED, "something unexpected"),
    ],
)
def test_the_engine_as_it_is_configured(answer: object, device: str, runs: bool, level: str, said: str) -> None:
    found = finding(Trial(load_model(device=device), answer), daemon_runs=runs)
    assert found.level == level and said in found.text and bool(found.cure) == (level != OK)


@pytest.mark.parametrize(
    ("hint", "cure"), [("check nvidia-smi", "check nvidia-smi"), (ASK_THE_DOCTOR, "the lines"), ("", "the lines")]
)
def test_the_doctor_sends_nobody_to_the_doctor(hint: str, cure: str) -> None:
    assert finding(Trial(load_model(), Unready("it is broken", hint)), daemon_runs=False).cure.startswith(cure)


def test_a_card_on_which_the_engine_dies_may_need_another_version() -> None:
    found = finding(Trial(load_model(device="cuda:0"), NoAnswer("it died (signal 6)")), daemon_runs=False)
    assert ANOTHER_CTRANSLATE2 in found.cure
    assert trials._with(load_model(device="cuda:0", engine="fake")) == ""


def trial(compute_type: str, answer: object) -> Trial:
    return Trial(load_model(compute_type=compute_type), answer)


@pytest.mark.parametrize(
    ("others", "too_large", "levels", "said"),
    [
        ([trial("int16", ready()), trial("float32", ready())], [], [OK], "also work: int16, float32"),
        ([], [], [OK], "no other works here"),
        ([], ["float32"], [OK], "too little memory to try float32"),
        (
            [trial("float16", DEAD), trial("float32", ready())],
            [],
            [WARNING, OK],
            "float16, but it does not work: it died",
        ),
        ([trial("float16", ready(canary="!!!"))], [], [WARNING, OK], "it hears '!!!', not 'the words of a clip'"),
    ],
)
def test_other_compute_types(others: list[Trial], too_large: list[str], levels: list[str], said: str) -> None:
    found = list(type_findings(trial("int8", ready()), others, too_large))
    assert [each.level for each in found] == levels and said in found[0].text


def test_where_the_model_loads_in_none_the_compute_types_are_not_what_is_wrong() -> None:
    assert list(type_findings(trial("int8", DEAD), [trial("float32", DEAD)], [])) == []
    found = list(type_findings(trial("int8", DEAD), [trial("float32", ready())], []))
    assert [each.text for each in found] == ["also works: float32"]


class House:
    """Children that answer as the test says, and what they were asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loaded: list[LoadModel] = []
        self.model: object = FoundModel("/m", 75_000_000, "", None)
        self.surveyed: object = Surveyed("cpu", "int8", ("float32", "int16", "int8"), 0, Parallelism(2, 1, 4))
        self.answers: dict[str, object] = {}
        self.memory_mb = 8_000.0
        monkeypatch.setattr(trials, "ask", self._ask)
        monkeypatch.setattr(trials, "_memory_mb", lambda *_: self.memory_mb)
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")

    def _ask(self, _module: str, order: object, _limit_s: float) -> object:
        match order:
            case FindModel():
                return self.model
            case Survey():
                return self.surveyed
            case LoadModel():
                self.loaded.append(order)
                return self.answers.get(order.compute_type, ready(device=order.device, compute_type=order.compute_type))
        raise AssertionError(order)

    def examine(self, pid: int | None = None, **model: Any) -> list[tuple[str, str]]:
        case = Case(None, Settings(model=Model(**model)), "", "pat", pid)
        return [(each.level, each.subject) for each in examine(case)]


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    return House(monkeypatch)


def test_every_compute_type_of_the_device_hears_the_clip(house: House) -> None:
    assert house.examine() == [(OK, "memory"), (OK, "engine"), (OK, "compute types")]
    assert [load.compute_type for load in house.loaded] == ["auto", "float32", "int16"]
    assert {(load.workers, load.batch_size) for load in house.loaded[1:]} == {(1, 1)}


def test_a_model_that_is_not_there_is_not_tried_and_nothing_is_downloaded(house: House) -> None:
    house.model = FoundModel(None, 0, "", None)
    assert house.examine() == [(WARNING, "engine")] and house.loaded == []


def test_a_device_that_is_not_there_is_the_engines_failure(house: House) -> None:
    house.surveyed = Unready("model.device 'cuda:0' is not there", "check nvidia-smi")
    assert house.examine(device="cuda:0") == [(FAILED, "engine")] and house.loaded == []


def test_what_there_is_no_memory_for_is_not_tried(house: House) -> None:
    house.memory_mb = 450.0
    assert house.examine()[-1] == (OK, "compute types")
    assert [load.compute_type for load in house.loaded] == ["auto", "int16"]


def test_beside_a_daemon_no_second_engine_takes_the_memory_that_is_left(house: House) -> None:
    house.memory_mb = 700.0
    assert house.examine(pid=7) == [(WARNING, "memory"), (OK, "engine")] and house.loaded == []
    house.examine()
    assert house.loaded, "with no daemon there is nothing to be ended"


def test_an_engine_that_hangs_is_tried_once(house: House) -> None:
    house.answers["auto"] = NoAnswer("no answer within 180 s", hangs=True)
    assert house.examine() == [(OK, "memory"), (FAILED, "engine")] and len(house.loaded) == 1


def test_each_gpu_is_tried(house: House) -> None:
    house.surveyed = replace(
        house.surveyed, device="cuda:0", compute_type="float16", compute_types=("float16",), cuda_devices=2
    )  # type: ignore[type-var]
    assert house.examine()[1:3] == [(OK, "engine"), (OK, "engine")]
    assert [load.device for load in house.loaded] == ["auto", "cuda:1"]


def test_another_engine_is_tried_as_it_is(house: House) -> None:
    assert house.examine(engine="fake") == [(OK, "engine")]
    assert [load.engine for load in house.loaded] == ["fake"]


def test_the_models_of_languages_count_once() -> None:
    languages = {"de": Language(model="small"), "fr": Language(model="base"), "it": Language()}
    assert models_of(Settings(model=Model(name="base"), languages=languages)) == ["base", "small"]


def test_trials_know_a_ready_engine() -> None:
    assert isinstance(ready(), Ready) and trial("int8", ready()).why == ""
