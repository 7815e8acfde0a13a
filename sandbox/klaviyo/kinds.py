"""Klaviyo's words: which type of resource a collection holds, and which type a relationship leads to."""

from typing import Final

from klaviyo_access.klaviyo.operations import operations

_RELATIONSHIPS: Final = {
    "items": "catalog-item",
    "item": "catalog-item",
    "categories": "catalog-category",
    "variants": "catalog-variant",
    "flow-triggers": "flow",
    "current-schema": "object-schema",
    "draft-schema": "object-schema",
    "schema-versions": "object-schema",
}


def singular(collection: str) -> str:
    """The type of a collection's resources: ``catalog-categories`` holds ``catalog-category``."""
    if collection.endswith("ies"):
        return f"{collection[:-3]}y"
    return collection.removesuffix("s")


_COLLECTIONS: Final = {
    singular(collection): collection for collection in (operation.path.split("/")[2] for operation in operations())
}


def plural(kind: str) -> str:
    """The collection of a type's resources, as the paths of the API write it."""
    return _COLLECTIONS.get(kind, f"{kind}s")


def related_kind(relationship: str) -> str:
    """The type of the resources that a relationship leads to."""
    return _RELATIONSHIPS.get(relationship) or singular(relationship)
