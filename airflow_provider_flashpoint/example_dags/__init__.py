"""DAGs to copy and change: each shows one way to use the operators. Airflow does not load them from here."""
