"""Permissions of a small application, and the clock of its audit entries."""

from datetime import UTC, datetime

from klaviyo_access.authorization import Permissions

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)

PERMISSIONS = Permissions(
    environment="dev",
    descriptions={"read-profiles": "Look up people", "send-campaigns": "Send campaigns"},
    granted={
        "marketer": frozenset({"read-profiles", "send-campaigns"}),
        "viewer": frozenset({"read-profiles"}),
        "developer": frozenset({"read-profiles"}),
    },
    lost={"marketer": frozenset(), "viewer": frozenset(), "developer": frozenset({"send-campaigns"})},
)

NO_ROLE = {"error": "No Klaviyo role assigned"}
DENIED_TO_VIEWER = {
    "error": "Permission denied",
    "message": "Role 'viewer' does not have the permission 'send-campaigns'.",
}

ANSWERS = {
    "no role": (None, 401, NO_ROLE),
    "an empty role": ("", 401, NO_ROLE),
    "a role that lacks it": ("viewer", 403, DENIED_TO_VIEWER),
    "a role that lost it": (
        "developer",
        403,
        {
            "error": "Permission denied",
            "message": "Role 'developer' does not have the permission 'send-campaigns' in dev: "
            "the environment's ceiling takes away a scope that it needs.",
        },
    ),
    "a role that nobody declared": (
        "owner",
        403,
        {"error": "Permission denied", "message": "Role 'owner' does not have the permission 'send-campaigns'."},
    ),
    "a role that has it": ("marketer", 200, "sent"),
}
"""Who asks to send campaigns: role, status and body of the answer, whatever the framework."""
