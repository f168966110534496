"""How a saga ended, in words: what failed, what was done, what is owed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from playground import wording
from sagas.entries import Entry, Op


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a fold knows beside the entry. Amounts in cents.

    `name` is the call's name in its direction. `did`: in this attempt the service wrote its
    row or had written it before. `done`, `undone`, `owed`: steps of the saga so far.
    `charged` is what is taken for the order and not given back; `stands` is how much of each
    service's work nothing took back; `doubled` names services that did a step's work more
    than once. `driver` is who waits for answers, `cause` where that one gave up.
    """

    name: str = ""
    service: str = ""
    amount: int = 0
    did: bool = False
    orphaned: bool = False
    steps: int = 0
    done: int = 0
    undone: int = 0
    owed: int = 0
    failures: int = 0
    charged: int = 0
    stands: Mapping[str, int] = field(default_factory=dict)
    shipped: bool = False
    doubled: tuple[str, ...] = ()
    driver: str = wording.ORCHESTRATOR
    cause: Mapping[str, Any] | None = None
    goods: wording.Goods = wording.LAMP


def completed(entry: Entry, known: Known) -> str:
    if known.doubled:
        names = " and ".join(wording.title(name) for name in known.doubled)
        return f"Every step is done, but {names} did the work twice. {wording.money(known.charged)} is taken."
    paid = f" The card is charged {wording.money(known.charged)}." if known.charged else ""
    goes = wording.capital(known.goods.goes)
    return f"All {known.steps} steps are done.{paid} {goes}." if known.steps else "Every step is done."


def compensated(entry: Entry, known: Known) -> str:
    undone = f"{known.undone} of {known.owed} steps undone." if known.owed else "There is nothing to undo."
    return f"{_why(known)} {undone} {_owed_back(known)}" if known.steps else "Everything that was done is undone."


def needs_operator(entry: Entry, known: Known) -> str:
    reason = str(entry.detail.get("reason") or "it can go no further")
    if not known.steps or not entry.step:
        return f"{reason[:1].upper()}{reason[1:]}. The saga waits for a person."
    if entry.op is Op.COMPENSATION:
        failed = f"{known.name} failed {wording.times(known.failures)}."
        return f"{failed} {known.undone} of {known.owed} steps undone. {_owed_back(known)}"
    return f"{known.name} failed, and the saga can neither go on nor turn back. It waits for a person."


def abandoned(entry: Entry, known: Known) -> str:
    if not known.steps:
        return "The order is abandoned. No one will undo what was done of it."
    left = _left(known)
    return f"{_why(known)} {left} No one will undo it." if left else f"{_why(known)} Nothing was done before it."


def lost(entry: Entry, known: Known) -> str:
    if not known.steps:
        return "Nothing of the order is in flight. It is half done, and no one knows."
    return f"Nothing is in flight. {_left(known) or 'Nothing was done.'} No one knows."


def _why(known: Known) -> str:
    cause = known.cause or {}
    outcome, step = cause.get("outcome"), cause.get("step") or "A call"
    if outcome == "deadline":
        return "The deadline passed."
    if outcome == "cancelled":
        return "An operator cancelled the order."
    if outcome == "watcher":
        return "The watcher called the order off."
    if outcome == "waiting":
        return f"{step} waits for a record that nobody gives back."
    return f"{step} never answered." if outcome == "unknown" else f"{step} failed."


def _owed_back(known: Known) -> str:
    if known.charged > 0:
        return f"{wording.money(known.charged)} is still owed back."
    return "Nobody is charged." if known.charged == 0 else f"{wording.money(-known.charged)} too much was refunded."


def _left(known: Known) -> str:
    """Return what stands and what does not come of it, as a sentence; "" when nothing stands."""
    stands = {service: amount for service, amount in known.stands.items() if amount > 0}
    said = [f"{wording.money(stands['payments'])} is charged"] if "payments" in stands else []
    goods, held = known.goods, 0 if known.shipped else sum(stands.get(seller, 0) for seller in wording.SELLERS)
    if held:
        said.append(f"{held} {f'{goods.one} is' if held == 1 else f'{goods.many} are'} held")
    said += [words for service, words in wording.STANDING.items() if service in stands]
    if not said and stands:
        said = ["the order is open" if "orders" in stands else "what was done stays done"]
    ships = goods.goes if known.shipped else goods.stays
    return wording.capital(", ".join([*said, ships])) + "." if said else ""
