"""The command ``airflow-flashpoint``: look before a run, see and mend the state, understand the configuration.

One module for each command. None of them imports Airflow before it is run; `config validate` never does.
"""
