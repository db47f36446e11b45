"""Keras networks. Every builder returns a model with layers named features, logits, probabilities.

Only stock layers are used, so that a network can be loaded without any code of this project.
"""
