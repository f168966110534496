"""Runs as traces: what a journal says as spans, and those spans on their way to a tracer."""
