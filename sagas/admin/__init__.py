"""The admin: journals, runs, sagas, steps, locks, alerts, and what a person can do about a saga that is stuck.

Everything is read-only; the journal is append-only. The three real acts (`acts`) are commands
that whoever drives the run journals and obeys. Lists (`lists`, `filters`) are read by an index
and never counted; the page of a run or a saga (`pages`) draws its timeline (`timeline`).
"""

from __future__ import annotations

from sagas.admin import alert_list, journal_lists, run_pages, saga_pages, service_lists

__all__ = ["alert_list", "journal_lists", "run_pages", "saga_pages", "service_lists"]
