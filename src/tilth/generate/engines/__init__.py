"""Engines: one file a back end, one line each in the table of `tilth.generate.engines.table`."""
