"""Where a run's trace is to be seen: in the tracer that whoever runs this site has (`SAGA_TRACE_URL`)."""

from __future__ import annotations

from django.conf import settings

from sagas.tracecontext import trace_id


def trace_address(run: str) -> str:
    """Return the address of a run's trace, "" where there is no tracer.

    Of its id a template may have all 32 hex digits, or the low 64 bits as a decimal number.
    """
    trace = trace_id(run)
    return str(settings.SAGA_TRACE_URL.format(trace_id=trace, trace_id_dec=int(trace[16:], 16), run=run))
