"""What `/metrics` says, without a web process."""

from __future__ import annotations

from prometheus_client.samples import Sample

from worker.context import Context
from worker.web.metrics import Tables


def gauges(ctx: Context, name: str) -> list[Sample]:
    """Return the samples of the metrics whose names begin with `hygiene_` and this."""
    samples = (sample for metric in Tables(ctx).collect() for sample in metric.samples)
    return [sample for sample in samples if sample.name.startswith(f"hygiene_{name}")]
