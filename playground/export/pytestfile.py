"""A test that runs the run again: one file, to be given to pytest wherever this project is installed."""

from __future__ import annotations

import inspect
from pprint import pformat

from playground.export import rerun, story
from playground.export.taken import ExportRefused, Taken

WIDTH = 110
MACHINERY = "# The machinery from here on is the same in every exported test.\n"

HEAD = '''"""Run {run} of Five Ledgers, as a test: it is run again, and must come to the same.

    pytest {file}

{about}

Run it where this project is installed, with any data folder: it takes SAGA_DATA, and without that a
new one. A worker of its own drives the real engine over the six real databases there. Compared are,
saga by saga, what its driver did and heard (kind, step, direction, attempt, outcome), how it ended,
and the facts of the five services.

What depends on time or on people cannot be left to chance, and is done as it was recorded:

- An attempt waits for its answer as long as that takes. One that was not heard is not heard again,
  whether the reply was lost or the machine was slow.
- The clock is {pace}. A deadline, or a watcher's patience, ends at the same entry, not at the same time.
- A person acts after the same entry; the saga waits for it there.
- Several sagas move one at a time, in the order in which their calls took effect (`schedule`).
- A driver that was killed from outside dies at the same attempt. (One that died in the middle of a race
  without locks, while several sagas looked and had not acted, cannot be repeated: such a run has no test.)
- In choreography nobody drives, so nobody can be told whose turn it is: the clock runs as it did, and
  of several orders that want one lamp the first is whoever asks first. Services are compared one by one.
  A watcher that called an order off at the very moment at which something came may do so just before or after.

Not compared: times, ids, names of workers, and how entries of different sagas interleave.
"""
'''

TESTS = """

@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return run_again(__file__, tmp_path_factory.mktemp("rerun") / "data")


def test_every_driver_does_and_hears_the_same(again: dict[str, Any]) -> None:
    assert again["sentences"] == SENTENCES


def test_every_saga_ends_the_same(again: dict[str, Any]) -> None:
    assert again["states"] == STATES


def test_the_services_hold_the_same(again: dict[str, Any]) -> None:
    assert again["facts"] == FACTS


if __name__ == "__main__":
    print(json.dumps(play_again(RECORD)))
"""


def write(taken: Taken) -> str:
    """Return the file. Raises ExportRefused for a run that still moves, that is a fork, or that nobody could repeat."""
    if not taken.is_finished:
        raise ExportRefused(f"run {taken.run} still moves; its test can be written once it is at rest")
    if taken.forked:
        raise ExportRefused(f"run {taken.run} is a fork: its past belongs to another run, and no scenario leads there")
    if reason := story.beyond_telling(taken):
        raise ExportRefused(f"run {taken.run} cannot be run again step by step: {reason}")
    imports, machinery = inspect.getsource(rerun).split('"""', 2)[2].split(MACHINERY)
    head = HEAD.format(run=taken.run, file=f"test_run_{taken.run}.py", about=_about(taken), pace=_pace(taken))
    imports = imports.replace("\nfrom sagas", "\nimport pytest\n\nfrom sagas", 1).rstrip()
    return f"{head}{imports}\n\n{_data(taken)}\n{MACHINERY}{machinery.rstrip()}\n{TESTS}"


def _about(taken: Taken) -> str:
    states = "\n".join(f"    {line}" for line in _states(taken))
    return f"Its scenario, as an address has it: {taken.query or '(all default)'}\n\n{states}"


def _pace(taken: Taken) -> str:
    pace = story.pace_of(taken)
    return "as fast as it was" if pace == 1 else f"{1 / pace:.0f} times as fast (`pace`)"


def _data(taken: Taken) -> str:
    facts = {name: value for name, value in taken.facts.items() if name != "violations"}
    values = {
        "RECORD": story.record_of(taken),
        "SENTENCES": rerun.sentences(taken.entries, str(taken.scenario["mode"])),
        "STATES": _states(taken),
        "FACTS": facts,
    }
    return "\n".join(f"{name} = {pformat(value, width=WIDTH, sort_dicts=False)}\n" for name, value in values.items())


def _states(taken: Taken) -> list[str]:
    return rerun.state_lines((saga.order, saga.state, saga.cause) for saga in taken.sagas)
