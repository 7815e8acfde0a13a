"""The IAM documents, as pure functions of plain values: a module for each kind of document, `statements` for all."""
