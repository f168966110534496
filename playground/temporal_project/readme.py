"""The text that comes with the project."""

from __future__ import annotations

README = """# The saga `{name}` on Temporal

Written from {whence}. The scenario, as an address has it: `{query}`

{steps}

## Run it

    python3 -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python -m pytest              # brings up a Temporal server for tests, downloaded the first time

With a server of your own, for instance `temporal server start-dev`:

    .venv/bin/python run.py                 # or: python run.py ADDRESS
    TEMPORAL_ADDRESS=127.0.0.1:7233 .venv/bin/python -m pytest

A saga that waits for a person goes on when its workflow gets the signal `retry`, or `resolve` if the call was
made by hand. The signal `cancel` turns back a saga that still can. Delete the folder `services` to begin anew.

## Read it

`workflow.py` first. Lines that end in `# undo` are there for the way back.

| file | what it is |
| --- | --- |
| `saga.py` | the steps, the budgets, the faults |
| `workflow.py` | one order: forward, or back, or a person |
| `activities.py` | one attempt over a wire that loses things |
| `services.py` | what a service must keep, so that a call may come twice, late, or never: a key, a fence, a ledger |
| `run.py`, `test_saga.py` | all orders driven once; the books read afterwards |

Three things are easy to get wrong, and are done on purpose:

- **An attempt without an answer is not a failure.** It may have taken effect, so it is undone, even if a later
  attempt of the same step was refused. Temporal's own retries would hide that from the workflow.
- **The undo may come first.** It then leaves a mark, and the action finds it when it arrives at last.
- **An undo is never given up.** It has a budget of its own; when that is spent, the workflow waits for a person.

## What your scenario had and this has not

{left}
"""
