"""A handler whose import raises what cannot be written as UTF-8."""

raise ImportError("\ud800")
