"""The benchmarks of the generation path, one module a command of generate.py."""
