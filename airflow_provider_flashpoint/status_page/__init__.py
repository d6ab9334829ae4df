"""The status page in Airflow's UI: how fresh each stream is, what its runs delivered, and ways to mend it."""
