"""`python -m tilth.cli`, which works without the script on the path."""

from tilth.cli.main import main

main()
