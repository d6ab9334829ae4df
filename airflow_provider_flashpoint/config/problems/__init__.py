"""Problems of a configuration, each with the path of its key: found in the YAML, in its shape, or by the models."""
