"""The one runner (order, resume, markers, ledgers) and its executors."""
