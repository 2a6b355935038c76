"""Quality signals: one columnar function each, in the table `table.SIGNALS`. Signals know no thresholds."""
