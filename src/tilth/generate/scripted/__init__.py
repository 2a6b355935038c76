"""What looks answers up and errs at a planted rate: for tests and dry runs of question synthesis."""
