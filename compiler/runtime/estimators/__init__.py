"""Models that are no networks, fitted, measured, saved and read again. TensorFlow is never imported here.

`compiler.estimators` says what can be configured; here the libraries are imported, each where it is used. What
scikit-learn fits becomes plain arrays (`trees`, `linear`, `neighbors`), LightGBM and XGBoost keep their native files
(`boosters`); so nothing that is saved can run code when it is read.
"""
