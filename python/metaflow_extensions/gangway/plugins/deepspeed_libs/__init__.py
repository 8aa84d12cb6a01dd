"""What metaflow-deepspeed's users import from ``metaflow.plugins.deepspeed_libs``."""
