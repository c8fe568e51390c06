"""A handler whose import raises what cannot be told."""

from tests.workers.running.handlers import Unspeakable

raise Unspeakable
