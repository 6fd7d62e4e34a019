"""Foretells when a metric will break its limit, and how odd a value is; for all series at once, from 5-minute buckets.

`forecaster.Forecaster` is the way in, `buckets.in_buckets` for points that are no buckets yet, `anomalies.Anomalies`
for scores. Values in, values out: no clock, no store. docs/forecast.md tells how it decides.
"""
