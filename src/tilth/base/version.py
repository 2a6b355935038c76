"""The version of tilth, at the bottom so that every layer can record it."""

VERSION = "0.1.0"
