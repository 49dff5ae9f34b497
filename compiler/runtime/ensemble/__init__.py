"""Ensembles: saved runs of any kind, pooled with weights that are learnt on validation rows, without TensorFlow.

selectors -> members -> Pool -> Problem -> weights -> Blend -> a run directory of kind `ensemble`
"""
