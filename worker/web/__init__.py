"""The web process: health checks and pages."""
