"""Linear text classifiers that are trained and run on a CPU: n-grams, logistic regression, calibration."""
