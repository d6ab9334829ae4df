"""Flashpoint threat intelligence into Devo, on Apache Airflow."""

__version__ = "0.1.0"
