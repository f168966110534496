"""The pages. A form starts a real run; the stage is painted from its committed entries."""
