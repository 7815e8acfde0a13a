"""An embedded Pulumi engine: applies the unmodified program to the sandbox where there is no ``pulumi`` on PATH."""
