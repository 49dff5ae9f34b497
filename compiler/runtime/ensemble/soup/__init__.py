"""Soups: one network whose weights are the mean of those of several. TensorFlow is imported where they are averaged.

Wortsman et al. 2022, arXiv 2203.05482; over the epochs of one run it is the stochastic weight averaging of Izmailov et
al. 2018, arXiv 1803.05407.
"""
