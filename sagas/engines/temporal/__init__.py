"""Runs on Temporal: a workflow per run, a job per activity, and what people ask as signals.

    workflow    the loop of a run, as a Temporal workflow
    activities  the desk of a process, as Temporal activities
    worker      both of them, and whoever brings new runs and what people ask to Temporal

Needs the extra `temporal`. A run is stored first and started from its row, so that a start cannot get
lost between two systems; its workflow has the run's id, so that starting it twice is starting it once.
"""

from __future__ import annotations
