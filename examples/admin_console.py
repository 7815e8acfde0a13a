"""The console of the people who run the application: it reads the admin's key and no other."""

from klaviyo_access.klaviyo import session_for_role


def main() -> None:
    klaviyo = session_for_role("admin")
    lists = klaviyo.Lists.get_lists()
    webhooks = klaviyo.Webhooks.get_webhooks()
    print(f"admin\tget_lists\t{len(lists.data)} lists")
    print(f"admin\tget_webhooks\t{len(webhooks.data)} webhooks")


if __name__ == "__main__":
    main()
