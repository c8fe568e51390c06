"""Review environments as tasks: a handler for each, and the desk that they ask.

The handlers run in a process of their own, without a database. They import nothing of
the desk's, and speak to it through their context alone.
"""
