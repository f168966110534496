"""Sagas on an engine that is somebody else's: the same rules, journal and services, another one that keeps time.

An engine elsewhere (Temporal, Durable Task) remembers where its code stands and makes calls until
they return; this project's own worker (`sagas.worker`) then leaves the run alone. What is shared:

    loop    what comes next in a run, as plain values; pure, deterministic, no clock and no I/O
    desk    the one side that touches anything: each job of a loop, done against journal and services

An engine needs three things of its own: durable code that runs a `Loop`, a call that takes a job to a
`Desk` and repeats it until it has an answer, and a way to tell the loop what people ask. See `Loop`.
"""

from __future__ import annotations
