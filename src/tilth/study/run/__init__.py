"""Running a study: write the text, tokenise, mix, train, evaluate; resumable, finished parts reused by identity."""
