"""Curation: raw documents and seed questions become clean ones, and every drop has a name."""
