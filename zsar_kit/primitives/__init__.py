"""Kinematic primitives: what geometry measures of a clip, and what people expect of a class, on the same axes."""
