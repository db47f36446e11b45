"""Training library: labelled folder to model bundle.

The only package that may load TensorFlow or Keras, and only inside the functions that need them.
The window and the command line start it as a child program; nothing imports it.
"""
