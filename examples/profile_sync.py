"""A service that keeps people and lists in step with the shop's database."""

import sys

from klaviyo_access.errors import KlaviyoAccessError
from klaviyo_access.klaviyo import session_for_role


def main() -> None:
    klaviyo = session_for_role("profile-sync")
    person = {"type": "profile", "attributes": {"email": "grace@example.com", "first_name": "Grace"}}
    klaviyo.Profiles.create_or_update_profile({"data": person})
    lists = klaviyo.Lists.get_lists()
    print("profile-sync\tcreate_or_update_profile\tone profile written")
    print(f"profile-sync\tget_lists\t{len(lists.data)} lists")


if __name__ == "__main__":
    try:
        main()
    except KlaviyoAccessError as trouble:
        sys.exit(f"{type(trouble).__name__}: {trouble}")
