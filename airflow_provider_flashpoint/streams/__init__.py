"""The streams of a setup: which exist, how far each is, and whether everything is ready for a run.

Every module returns values and prints nothing. The command line, the setup task and `test_connection` use them.
"""
