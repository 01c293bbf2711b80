"""The package's version, also sent as `context.library.version`."""

VERSION = "1.0.0"
