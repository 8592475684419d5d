"""Is it right, and is it honest? Metrics with errors, the scorecard, the plots, the report."""
