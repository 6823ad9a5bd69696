"""pyrun: containers with Docker-style bridge networking, without a daemon."""

__version__ = "0.1.0"
