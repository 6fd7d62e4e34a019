"""Made-up weeks of a metric with a known end: what the forecast is tuned and judged by.

`families` are the kinds that constants were chosen with, `unseen` those that nobody looked at while choosing them.
"""
