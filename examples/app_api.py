"""The application's API: for each request it uses the key of the role of whoever is signed in."""

from klaviyo_access.klaviyo import session_for_role
from klaviyo_access.klaviyo.errors import ScopeMissing

ROLES = ("admin", "marketer", "developer", "viewer", "service")


def main() -> None:
    sessions = {role: session_for_role(role) for role in ROLES}
    for role, klaviyo in sessions.items():
        profiles = klaviyo.Profiles.get_profiles(page_size=1)
        print(f"{role}\tget_profiles\t{len(profiles.data)} profile")
    try:
        sessions["viewer"].Lists.create_list({"data": {"type": "list", "attributes": {"name": "VIP"}}})
    except ScopeMissing as refusal:
        print(f"viewer\tcreate_list\trefused: {', '.join(refusal.missing)} is missing")


if __name__ == "__main__":
    main()
