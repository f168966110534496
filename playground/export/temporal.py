"""The scenario of a run as a small Temporal project, as a zip: it runs by itself and imports nothing of this project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from playground import temporal_project
from playground.export.project import Project
from playground.export.taken import Taken, need_driver
from playground.scenario import Scenario
from playground.temporal_project.readme import README
from sagas.definition import Retry, SagaDefinition, Step
from sagas.entries import Kind, Op
from sagas.plan import Fault, RunPlan
from sagas.runs import payload_of

# Read and not imported: whoever exports needs no Temporal.
MODULES = ("activities", "run", "services", "shapes", "test_saga", "workflow")
PACKAGE, FOLDER = temporal_project.__name__, Path(str(temporal_project.__file__)).parent

# What each action, compensation and settlement writes in its service's ledger; amounts of money are the saga's own.
ROWS = {
    "reserve-inventory": ("hold", 1),
    "create-order": ("open", 1),
    "charge-payment": ("charge", None),
    "notify-warehouse": ("pick", 1),
    "book-delivery": ("book", 1),
    "book-flight": ("hold", 1),
    "reserve-hotel": ("book", 1),
    "charge-card": ("charge", None),
    "send-ticket": ("send", 1),
}
UNDOING = {
    "release-inventory": "release",
    "cancel-order": "cancel",
    "refund-payment": "refund",
    "recall-pick": "recall",
    "cancel-delivery": "cancel",
    "cancel-flight": "release",
    "cancel-hotel": "cancel",
}
SETTLING = {"reserve-inventory": ("sell", -1), "create-order": ("confirm", 0), "book-flight": ("sell", -1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a scenario was run as: whose it is, which orders, and how each ended where the project must end the same."""

    name: str
    orders: tuple[str, ...]
    ends: Mapping[str, str] = field(default_factory=dict)


def write(taken: Taken) -> bytes:
    """Return the zip. Raises ExportRefused for a run that nobody drives, or whose services are its author's own."""
    need_driver(taken.plan.mode, taken.definition, whose=f"run {taken.run}", driver="a workflow")
    ran = Ran(name=f"run {taken.run}", orders=tuple(saga.order for saga in taken.sagas), ends=_ends(taken))
    return project(Scenario.parse(dict(taken.scenario)), taken.steps, ran).zip()


def project(scenario: Scenario, definition: SagaDefinition, ran: Ran | None = None) -> Project:
    """Return the project of a scenario; `ran` is what is known of a run of it."""
    ran = ran or Ran(name="a scenario", orders=tuple(scenario.plan().order_names))
    files = {f"{name}.py": flat(name) for name in MODULES}
    files["saga.py"] = saga_file(scenario.plan(), definition, ran)
    files["README.md"] = _readme(scenario, definition, ran)
    files["requirements.txt"] = "temporalio>=1.35,<2\npytest>=8\n"
    return Project(f"{definition.name}-temporal", files)


def flat(module: str) -> str:
    """Return a module's text as a file beside the others, not in a package."""
    text = (FOLDER / f"{module}.py").read_text(encoding="utf-8")
    text = text.replace(f"from {PACKAGE}.", "from ").replace(f"from {PACKAGE} import", "import")
    return text.replace("  # noqa: T201", "")


def saga_file(plan: RunPlan, definition: SagaDefinition, ran: Ran) -> str:
    """Return `saga.py`: the steps, the budgets and the faults, each thing on a line of its own."""
    steps = "".join(_step(step, payload_of(definition.name)["amount"]) for step in definition.steps)
    faults = "".join(f"    {_fault(fault)},\n" for fault in plan.faults)
    return f'''"""The saga, and how patient it is, as {ran.name} had it."""

from __future__ import annotations

from shapes import Fault, Retry, Step

NAME = "{definition.name}"
STEPS = (
{steps})
RETRY = {_retry(plan.retry)}
COMPENSATION_RETRY = {_retry(plan.compensation_retry)}  # undo
TIMEOUT_MS = {plan.timeout_ms}
DEADLINE_MS: int | None = {plan.deadline_ms}
LATENCY_MS = {plan.latency_ms}
ORDERS: tuple[str, ...] = {ran.orders!r}
STOCK = {plan.stock}
WAITS_IN_LINE = {plan.lock == "wait"}
FAULTS: tuple[Fault, ...] = ({"" if not faults else chr(10)}{faults})
ENDS: dict[str, str] = {dict(ran.ends)!r}  # how the run ended, where this project must end the same
'''


def _step(step: Step, amount: int) -> str:
    kind, units = ROWS[step.name]
    lines = [f'"{step.name}"', f'service="{step.service}"', f"effect={(kind, amount if units is None else units)!r}"]
    if step.compensation is not None:
        lines.append(f"undo={(step.compensation_name, UNDOING[step.compensation_name])!r}")
    if step.settlement is not None:
        lines.append(f"settlement={SETTLING[step.name]!r}")
    if step.taking is not None:
        lines.append("shelf=True")
    if step.kind != "compensatable":
        lines.append(f'kind="{step.kind}"')
    return f"    Step(\n{''.join(_lines(lines))}    ),\n"


def _lines(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        yield f"        {line},{'  # undo' if line.startswith('undo=') else ''}\n".replace("'", '"')


def _retry(retry: Retry) -> str:
    return (
        f"Retry(max_attempts={retry.max_attempts}, initial_ms={retry.initial_ms}, factor={retry.factor}, "
        f"max_ms={retry.max_ms}, jitter={retry.jitter})"
    )


def _fault(fault: Fault) -> str:
    more = "" if fault.times is None else f", times={fault.times}"
    more += "" if fault.saga is None else f", order={fault.saga}"
    return f'Fault("{fault.step}", "{Op(fault.op)}", "{fault.kind}"{more})'


def _ends(taken: Taken) -> dict[str, str]:
    """Return how each order ended, or nothing where people, chance or a missing protection had a part in it."""
    acted = any(entry.kind is Kind.OPERATOR_ACTED for entry in taken.entries)
    ends = {saga.order: saga.state for saga in taken.sagas}
    at_rest = taken.is_finished and set(ends.values()) <= {"completed", "compensated", "needs-operator"}
    return ends if at_rest and not acted and not taken.forked and not _left_out(taken.plan) else {}


def _left_out(plan: RunPlan) -> list[str]:
    """Return what a scenario has and the project has not."""
    left = []
    if plan.lock not in ("fail-fast", "wait"):
        left.append(
            f"Your scenario locks nothing (`{plan.lock}`). Here units are locked, and who comes second is refused."
        )
    if not plan.idempotency or plan.key_scope != "step":
        left.append(
            "Your scenario weakens its keys. Here each call has a key of its own, and services store their answers."
        )
    if plan.keep_back:
        left.append("Your scenario keeps units back from sale. Here all of the stock is for sale.")
    return left


def _readme(scenario: Scenario, definition: SagaDefinition, ran: Ran) -> str:
    left = _left_out(scenario.plan())
    return README.format(
        name=definition.name,
        whence=ran.name,
        query=scenario.query() or "(all default)",
        steps="\n".join(
            f"{n}. `{step.name}` in {step.service}"
            + (f", undone by `{step.compensation_name}`" if step.compensation else f" ({step.kind})")
            for n, step in enumerate(definition.steps, 1)
        ),
        left="\n".join(f"- {line}" for line in left) if left else "- Nothing.",
    )
