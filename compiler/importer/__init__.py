"""The way back: a Keras model's config -> a model file."""
