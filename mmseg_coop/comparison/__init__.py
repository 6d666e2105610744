"""Compare methods by the results of their runs: statistics, tables, report."""
