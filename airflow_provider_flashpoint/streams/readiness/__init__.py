"""Whether the setup is ready for a run: connections, certificates, and the API generation against the configuration."""
