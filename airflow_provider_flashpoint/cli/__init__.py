"""The command ``airflow-flashpoint``: check the setup, preview a run, show and change states, explain the file.

One module for each command. Airflow is imported only when a command needs it; `config validate` never does.
"""
