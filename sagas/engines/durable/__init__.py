"""Runs on Durable Task, the engine of Durable Functions: an orchestration per run, a job per activity.

    orchestration   the loop of a run, as an orchestrator function; what people ask are external events
    activities      the desk of a process, as activity functions
    backend         the SDK's backend in memory, on loopback, where no other one is given
    worker          all of them, and whoever brings new runs and what people ask to Durable Task

Needs the extra `durable`. A run is stored first and started from its row. What the backend remembers is
where the orchestrator function stands; when a backend in memory is gone, the next one starts each run
anew, and it goes on from its journal.
"""

from __future__ import annotations
