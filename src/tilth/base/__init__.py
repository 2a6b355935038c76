"""What every layer stands on: errors, atomic files, fingerprints, named random streams, log."""
