"""A small access model that is right, and one change for each way of breaking a rule."""

from collections.abc import Mapping
from dataclasses import dataclass

from klaviyo_access.access_model import rules as r

RIGHT = """\
permissions:
  read-profiles:
    description: Look people up
    scopes: [profiles:read]
  send-campaigns:
    description: Send campaigns
    scopes: [campaigns:write]
roles:
  support:
    description: Answers people
    owner: help desk
    permissions: [read-profiles]
    scopes: [profiles:read, lists:read]
  sender:
    description: Sends campaigns
    owner: marketing
    permissions: [send-campaigns]
    scopes: [campaigns:*]
    reasons:
      campaigns:read: To see what was sent
  custodian:
    description: Disables keys
    owner: security
    custodian: true
    scopes: [credentials:*]
services:
  desk:
    description: The help desk's tool
    role: support
    needs: [lists:read, profiles:read]
    reads: library
  mailer:
    description: Sends what is due
    roles: [sender, support]
    reason: It looks people up before it sends
    reads: synced
environments:
  dev:
    ceiling: ["*:read"]
  prod:
    ceiling: required
"""

ENVIRONMENTS = RIGHT[RIGHT.index("environments:") :]
CUSTODIAN = RIGHT[RIGHT.index("  custodian:") : RIGHT.index("services:")]
DEV = '  dev:\n    ceiling: ["*:read"]\n'
SUPPORT_SCOPES = "[profiles:read, lists:read]"
IDLE = "  idle:\n    description: Waits\n    owner: nobody\n    scopes: [accounts:read]\n"


@dataclass(frozen=True)
class Case:
    """Changes to the right file (old text to new) and the one problem that they cause, on the line with ``# here``."""

    name: str
    changes: Mapping[str, str]
    rule: r.Rule
    value: str
    fix: str


# fmt: off - a table is read by its rows
SHAPE = [
    Case("the file is a list", {RIGHT: "- a # here\n"}, r.SECTION, "a list", "write `permissions:` first"),
    Case(
        "a section is unknown",
        {"services:\n": "servicess: {} # here\nservices:\n"},
        r.KNOWN_KEY,
        "servicess",
        "write services",
    ),
    Case(
        "a section is a list",
        {ENVIRONMENTS: "environments: [dev] # here\n"},
        r.SECTION,
        "environments: a list",
        "write `environments:` and below it",
    ),
    Case(
        "a section is empty",
        {ENVIRONMENTS: "environments: # here\n"},
        r.SECTION,
        "environments: nothing",
        "one entry per name",
    ),
    Case("a name has a capital", {"  desk:": "  Desk: # here"}, r.NAME, "Desk", "write it like read-profiles"),
    Case("a name starts with a digit", {"  desk:": "  1desk: # here"}, r.NAME, "1desk", "write it like read-profiles"),
    Case("a name has a slash", {"  desk:": "  de/sk: # here"}, r.NAME, "de/sk", "write it like read-profiles"),
    Case("a name has a blank", {"  desk:": "  help desk: # here"}, r.NAME, "help desk", "write it like read-profiles"),
    Case("a name is empty", {"  desk:": '  "": # here'}, r.NAME, "an empty text", "write it like read-profiles"),
    Case("a name is long", {"  desk:": f"  {'d' * 41}: # here"}, r.NAME, "d" * 41, "at most 40"),
    Case(
        "a role is named as the folder of the OAuth app",
        {CUSTODIAN: CUSTODIAN.replace("  custodian:\n", "  oauth: # here\n", 1)},
        r.FREE_NAME,
        "oauth",
        "like app-installer",
    ),
    Case(
        "an environment's name is long", {"  dev:": f"  {'d' * 21}: # here"}, r.ENVIRONMENT_NAME, "d" * 21, "at most 20"
    ),
    Case(
        "an environment's name has a hyphen",
        {"  dev:": "  dev-1: # here"},
        r.ENVIRONMENT_NAME,
        "dev-1",
        "without hyphens, like prod",
    ),
    Case(
        "a section is an empty mapping",
        {ENVIRONMENTS: "environments: {} # here\n"},
        r.SECTION,
        "environments: ",
        "one entry per name",
    ),
    Case("a key is mistyped", {"    reasons:": "    reason: # here"}, r.KNOWN_KEY, "reason", "write reasons"),
    Case(
        "a key is unlike any",
        {"    owner: help desk\n": "    owner: help desk\n    zzz: x # here\n"},
        r.KNOWN_KEY,
        "zzz",
        "one of: custodian, description, owner, permissions, reasons, scopes",
    ),
    Case(
        "a role has no owner",
        {"  sender:\n": "  sender: # here\n", "    owner: marketing\n": ""},
        r.GIVEN,
        "sender without owner",
        "add `owner:`, the team that answers for it",
    ),
    Case(
        "a service has no description",
        {"  desk:\n    description: The help desk's tool\n": "  desk: # here\n"},
        r.GIVEN,
        "desk without description",
        "add `description:`",
    ),
    Case(
        "a service does not say how it reads",
        {"  mailer:\n": "  mailer: # here\n", "    reads: synced\n": ""},
        r.GIVEN,
        "mailer without reads",
        "library, injected or synced",
    ),
    Case(
        "an environment has no ceiling", {DEV: "  dev: {} # here\n"}, r.GIVEN, "dev without ceiling", "add `ceiling:`"
    ),
    Case("an entry is a text", {DEV: "  dev: open # here\n"}, r.KIND, "open", "write a mapping"),
    Case(
        "a list is a text",
        {"scopes: [credentials:*]": "scopes: credentials:* # here"},
        r.KIND,
        "credentials:*",
        "write a list",
    ),
    Case("a scope is a list", {SUPPORT_SCOPES: "[[profiles:read], lists:read] # here"}, r.KIND, "a list", "write text"),
    Case("an owner is true", {"owner: marketing": "owner: true # here"}, r.KIND, "true", "write text, in quotes"),
    Case(
        "a description is nothing",
        {"description: Disables keys": "description: # here"},
        r.KIND,
        "nothing",
        "write text",
    ),
    Case("custodian is yes", {"custodian: true": "custodian: yes # here"}, r.KIND, "yes", "write true or false"),
    Case(
        "reasons are a list",
        {"    reasons:\n      campaigns:read: To see what was sent\n": "    reasons: [campaigns:read] # here\n"},
        r.KIND,
        "a list",
        "write a mapping",
    ),
    Case(
        "a list is empty",
        {"permissions: [read-profiles]": "permissions: [] # here"},
        r.NOT_EMPTY,
        "an empty list",
        "leave `permissions` out",
    ),
    Case("a ceiling is empty", {'["*:read"]': "[] # here"}, r.NOT_EMPTY, "an empty list", "fill it"),
    Case(
        "a text is empty",
        {"description: Send campaigns": 'description: "" # here'},
        r.NOT_EMPTY,
        "an empty text",
        "fill it",
    ),
    Case(
        "a text is blank",
        {"description: Send campaigns": 'description: "  " # here'},
        r.NOT_EMPTY,
        "an empty text",
        "fill it",
    ),
    Case(
        "a reason is empty",
        {"campaigns:read: To see what was sent": 'campaigns:read: "" # here'},
        r.NOT_EMPTY,
        "an empty text",
        "fill it",
    ),
    Case("a choice is unknown", {"reads: library": "reads: sync # here"}, r.ONE_OF, "sync", "'injected' or 'synced'"),
    Case(
        "a description is long",
        {"Answers people": f"{'x' * 1001} # here"},
        r.FITS_AWS,
        f"{'x' * 120}…",
        "keep to 1000 characters",
    ),
    Case(
        "an owner is no tag",
        {"owner: help desk": "owner: help & desk # here"},
        r.FITS_AWS,
        "help & desk",
        "since it becomes a tag",
    ),
    Case(
        "an owner is long",
        {"owner: help desk": f"owner: {'x' * 257} # here"},
        r.FITS_AWS,
        f"{'x' * 120}…",
        "keep to 256 characters",
    ),
    Case(
        "a role stands twice",
        {"  custodian:\n": "  sender: {} # here\n  custodian:\n"},
        r.ONCE,
        "sender, which line 14 has already",
        "keep one",
    ),
    Case(
        "a key stands twice",
        {"    reads: library\n": "    reads: library\n    reads: synced # here\n"},
        r.ONCE,
        "reads, which line 31 has already",
        "keep one",
    ),
    Case(
        "a section stands twice",
        {ENVIRONMENTS: f"{ENVIRONMENTS}roles: {{}} # here\n"},
        r.ONCE,
        "roles, which line 8 has already",
        "keep one",
    ),
]

SCOPES = [
    Case(
        "a scope stands twice",
        {SUPPORT_SCOPES: "[profiles:read, lists:read, lists:read] # here"},
        r.ONCE,
        "lists:read, beside lists:read",
        "take it out",
    ),
    Case(
        "a scope stands beside its pattern",
        {"[campaigns:*]": "[campaigns:*, campaigns:write] # here"},
        r.ONCE,
        "campaigns:write, beside campaigns:*",
        "take it out",
    ),
    Case(
        "a pattern stands beside everything",
        {'["*:read"]': '["*:read", "*"] # here'},
        r.ONCE,
        "*:read, beside *",
        "take it out",
    ),
    Case(
        "a family is mistyped",
        {"[campaigns:write]": "[campaings:write] # here"},
        r.KNOWN_SCOPE,
        "campaings:write",
        "write campaigns:write",
    ),
    Case(
        "an access is mistyped",
        {"[campaigns:write]": "[campaigns:wrote] # here"},
        r.KNOWN_SCOPE,
        "campaigns:wrote",
        "write campaigns:read or campaigns:write",
    ),
    Case(
        "a family has no access",
        {SUPPORT_SCOPES: "[profiles:read, list] # here"},
        r.KNOWN_SCOPE,
        "list",
        "write lists:read or lists:write",
    ),
    Case(
        "a family cannot be read",
        {"[campaigns:write]": "[data-privacy:read] # here"},
        r.KNOWN_SCOPE,
        "data-privacy:read",
        "write data-privacy:write",
    ),
    Case(
        "a family is unlike any",
        {"[campaigns:write]": "[zzz:write] # here"},
        r.KNOWN_SCOPE,
        "zzz:write",
        "with a family of: accounts, agents",
    ),
    Case(
        "a scope has capitals",
        {"[campaigns:write]": "[Campaigns:write] # here"},
        r.KNOWN_SCOPE,
        "Campaigns:write",
        "write campaigns:write",
    ),
    Case(
        "a pattern's family is mistyped",
        {"[campaigns:*]": "[campaign:*] # here"},
        r.KNOWN_SCOPE,
        "campaign:*",
        "write campaigns:*",
    ),
    Case("a pattern is half a name", {"[campaigns:*]": '["camp*"] # here'}, r.KNOWN_SCOPE, "camp*", "with a family of"),
    Case(
        "a pattern says everything twice",
        {'["*:read"]': '["*:*"] # here'},
        r.KNOWN_SCOPE,
        "*:*",
        'write "*" or "*:read"',
    ),
    Case(
        "a reason is for no scope",
        {"      campaigns:read: To see": "      campaign:read: To see # here"},
        r.KNOWN_SCOPE,
        "campaign:read",
        "write campaigns:read",
    ),
    Case(
        "a ceiling has no scope",
        {'["*:read"]': '["*:read", event:write] # here'},
        r.KNOWN_SCOPE,
        "event:write",
        "write events:write",
    ),
    Case(
        "required is mistyped",
        {"ceiling: required": "ceiling: require # here"},
        r.KNOWN_SCOPE,
        "require",
        "write required",
    ),
    Case(
        "a permission has a pattern",
        {"[campaigns:write]": "[campaigns:*] # here"},
        r.NAMED_SCOPES,
        "campaigns:*",
        "one by one",
    ),
    Case(
        "a service needs a pattern",
        {"[lists:read, profiles:read]": '["*:read"] # here'},
        r.NAMED_SCOPES,
        "*:read",
        "one by one",
    ),
    Case(
        "a role has a beta scope",
        {SUPPORT_SCOPES: "[profiles:read, lists:read, credentials:read] # here"},
        r.BETA,
        "credentials:read",
        "custodian: true",
    ),
    Case(
        "a role has a beta family",
        {"[campaigns:*]": "[campaigns:*, agents:*] # here"},
        r.BETA,
        "agents:*",
        "custodian: true",
    ),
    Case(
        "a permission has a beta scope",
        {"[campaigns:write]": "[applications:read] # here"},
        r.BETA,
        "applications:read",
        "custodian: true",
    ),
    Case(
        "a ceiling hides the account",
        {'["*:read"]': "[profiles:read] # here"},
        r.CEILING_ACCOUNT,
        "profiles:read",
        "add accounts:read",
    ),
]

RELATIONS = [
    Case(
        "a permission is unknown",
        {"[read-profiles]": "[read-profile] # here"},
        r.KNOWN_PERMISSION,
        "read-profile",
        "write read-profiles",
    ),
    Case(
        "a permission stands twice",
        {"[read-profiles]": "[read-profiles, read-profiles] # here"},
        r.ONCE,
        "read-profiles",
        "take it out",
    ),
    Case(
        "a service's role is unknown", {"role: support": "role: suport # here"}, r.KNOWN_ROLE, "suport", "write support"
    ),
    Case(
        "a service's role is unlike any",
        {"role: support": "role: zzz # here"},
        r.KNOWN_ROLE,
        "zzz",
        "one of: custodian, sender, support",
    ),
    Case(
        "a service's role stands twice",
        {"[sender, support]": "[sender, support, sender] # here"},
        r.ONCE,
        "sender",
        "take it out",
    ),
    Case(
        "a service has no role",
        {"  desk:\n": "  desk: # here\n", "    role: support\n": ""},
        r.SERVICE_ROLE,
        "desk without a role",
        "add `role:`",
    ),
    Case(
        "a service has role and roles",
        {"role: support": "role: support # here\n    roles: [support]"},
        r.SERVICE_ROLE,
        "role support and roles support",
        "keep one",
    ),
    Case(
        "several keys have no reason",
        {"[sender, support]": "[sender, support] # here", "    reason: It looks people up before it sends\n": ""},
        r.SEVERAL_ROLES,
        "sender, support",
        "add `reason:`",
    ),
    Case(
        "one key has a reason",
        {"role: support": "role: support\n    reason: It must # here"},
        r.POINTLESS_REASON,
        "It must",
        "take `reason:` out",
    ),
    Case(
        "a permission's scope is lacking",
        {"[read-profiles]": "[read-profiles, send-campaigns] # here"},
        r.PERMISSION_SCOPES,
        "send-campaigns, which needs campaigns:write",
        "add campaigns:write to the scopes",
    ),
    Case(
        "a service's scope is lacking",
        {"[lists:read, profiles:read]": "[lists:read, profiles:read, tags:read] # here"},
        r.SERVICE_SCOPES,
        "tags:read, which support lacks",
        "add tags:read to the scopes",
    ),
    Case(
        "a service needs nothing",
        {
            "services:\n": f"{IDLE}services:\n  rest: # here\n    description: Rests\n"
            "    role: idle\n    reads: library\n"
        },
        r.SERVICE_NEEDS,
        "rest without needs",
        "add `needs:`",
    ),
    Case(
        "excess has no reason",
        {SUPPORT_SCOPES: "[profiles:read, lists:read, tags:read] # here"},
        r.EXCESS,
        "tags:read",
        "`tags:read: who needs it",
    ),
    Case(
        "a pattern's excess has no reason",
        {SUPPORT_SCOPES: "[profiles:read, lists:*] # here"},
        r.EXCESS,
        "lists:write",
        "`lists:*: who needs it",
    ),
    Case(
        "what is needed has a reason",
        {"      campaigns:read:": "      campaigns:write: x # here\n      campaigns:read:"},
        r.POINTLESS_REASON,
        "campaigns:write",
        "take the reason out",
    ),
    Case(
        "nobody uses a role",
        {"  custodian:\n": IDLE.replace("idle:", "idle: # here") + "  custodian:\n"},
        r.USED,
        "idle",
        "add a service with `role: idle`",
    ),
    Case(
        "there is no custodian",
        {CUSTODIAN: "", "roles:\n": "roles: # here\n"},
        r.ONE_CUSTODIAN,
        "no custodian",
        "add `custodian: true`",
    ),
    Case(
        "there are two custodians",
        {"services:\n": CUSTODIAN.replace("custodian:\n", "second:\n").replace("true", "true # here") + "services:\n"},
        r.ONE_CUSTODIAN,
        "second",
        "one: custodian, second",
    ),
    Case(
        "the custodian cannot disable",
        {"[credentials:*]": "[credentials:read] # here"},
        r.CUSTODIAN_SCOPES,
        "custodian without credentials:write",
        "add credentials:write",
    ),
    Case(
        "the custodian has permissions",
        {"    custodian: true\n": "    custodian: true\n    permissions: [read-profiles] # here\n"},
        r.CUSTODIAN_ALONE,
        "read-profiles",
        "take `permissions:` out",
    ),
    Case(
        "a service reads the custodian",
        {
            "services:\n": "services:\n  thief:\n    description: Steals\n"
            "    role: custodian # here\n    reads: library\n"
        },
        r.CUSTODIAN_ALONE,
        "custodian",
        "name another role",
    ),
    Case(
        "an OAuth app has an unknown permission",
        {"    reads: synced\n": "    reads: synced\n    oauth: [send-campaign] # here\n"},
        r.KNOWN_PERMISSION,
        "send-campaign",
        "write send-campaigns",
    ),
    Case(
        "an OAuth app has a permission twice",
        {"    reads: synced\n": "    reads: synced\n    oauth: [read-profiles, read-profiles] # here\n"},
        r.ONCE,
        "read-profiles",
        "take it out",
    ),
    Case(
        "two services have an OAuth app",
        {
            "    reads: library\n": "    reads: library\n    oauth: [read-profiles]\n",
            "    reads: synced\n": "    reads: synced\n    oauth: [read-profiles] # here\n",
        },
        r.ONE_OAUTH_APP,
        "mailer",
        "keep `oauth:` in one of: desk, mailer",
    ),
    Case(
        "an OAuth app has nothing to ask for",
        {"    reads: synced\n": "    reads: synced\n    oauth: [] # here\n"},
        r.NOT_EMPTY,
        "an empty list",
        "or leave `oauth` out",
    ),
]
# fmt: on


def suspicious(*lines: str) -> Mapping[str, str]:
    """The right file with a suspicion of these lines after it."""
    body = "".join(f"    {line}\n" for line in lines)
    return {ENVIRONMENTS: f"{ENVIRONMENTS}suspicious:\n  odd:\n    description: Odd\n{body}"}


SUSPICIOUS = [
    Case(
        "suspicions are a list",
        {ENVIRONMENTS: f"{ENVIRONMENTS}suspicious: [] # here\n"},
        r.SECTION,
        "a list",
        "one entry",
    ),
    Case(
        "a suspicion looks for nothing",
        {ENVIRONMENTS: f"{ENVIRONMENTS}suspicious:\n  odd: # here\n    description: Odd\n"},
        r.SUSPICION,
        "odd looks for nothing",
        "permissions, roles, result, burst, outside",
    ),
    Case(
        "a suspicion names an unknown permission",
        suspicious("permissions: [read-profile] # here"),
        r.KNOWN_PERMISSION,
        "read-profile",
        "write read-profiles",
    ),
    Case(
        "a suspicion names an unknown role",
        suspicious("roles: [senders] # here"),
        r.KNOWN_ROLE,
        "senders",
        "write sender",
    ),
    Case(
        "a suspicion names a role twice", suspicious("roles: [sender, sender] # here"), r.ONCE, "sender", "take it out"
    ),
    Case("a suspicion's result is unknown", suspicious("result: refused # here"), r.ONE_OF, "refused", "'denied'"),
    Case("a burst has no unit", suspicious("burst: 10 in 60 # here"), r.MOMENTS, "10 in 60", "as in 10 in 60s"),
    Case("a burst of none", suspicious("burst: 0 in 60s # here"), r.MOMENTS, "0 in 60s", "as in 10 in 60s"),
    Case("hours have no days", suspicious("outside: 07:00-19:00 # here"), r.MOMENTS, "07:00-19:00", "mon-fri 07:00"),
    Case(
        "hours end before they start",
        suspicious("outside: mon-fri 19:00-07:00 # here"),
        r.MOMENTS,
        "mon-fri 19:00-07:00",
        "from the earlier to the later",
    ),
    Case("hours are a list", suspicious("outside: [night] # here"), r.KIND, "a list", "write text"),
    Case("a suspicion's key is mistyped", suspicious("role: [sender] # here"), r.KNOWN_KEY, "role", "write roles"),
]


def lines(*entries: str) -> str:
    """A list of a line an entry, the last of which is wrong."""
    return "".join(f"\n      - {entry}" for entry in entries) + " # here\n"


NEEDS = "[lists:read, profiles:read]"
FIRST_SCOPES = "    scopes: [profiles:read]\n"

# A list may have a line an entry: the entry's own line is named.
ENTRIES = [
    Case(
        "a pattern on a line of its own",
        {FIRST_SCOPES: "    scopes:" + lines("lists:read", '"profiles:*"')},
        r.NAMED_SCOPES,
        "profiles:*",
        "one by one",
    ),
    Case(
        "a permission's scope on a line of its own",
        {FIRST_SCOPES: "    scopes:" + lines("lists:read", "profile:read")},
        r.KNOWN_SCOPE,
        "profile:read",
        "write profiles:read",
    ),
    Case(
        "a role's scope on a line of its own",
        {f" {SUPPORT_SCOPES}\n": lines("profiles:read", "list:read")},
        r.KNOWN_SCOPE,
        "list:read",
        "write lists:read",
    ),
    Case(
        "a ceiling's part on a line of its own",
        {DEV: "  dev:\n    ceiling:" + lines('"*:read"', "require")},
        r.KNOWN_SCOPE,
        "require",
        "write required",
    ),
    Case(
        "a need on a line of its own, twice",
        {f" {NEEDS}\n": lines("lists:read", "profiles:read", "lists:read")},
        r.ONCE,
        "lists:read",
        "take it out",
    ),
    Case(
        "a service's role on a line of its own",
        {" [sender, support]\n": lines("sender", "suport")},
        r.KNOWN_ROLE,
        "suport",
        "write support",
    ),
    Case(
        "a suspicion's role on a line of its own",
        suspicious("roles:" + lines("sender", "senders").rstrip("\n")),
        r.KNOWN_ROLE,
        "senders",
        "write sender",
    ),
    Case(
        "a role's permission on a line of its own",
        {" [read-profiles]\n": lines("read-profiles", "read-profile")},
        r.KNOWN_PERMISSION,
        "read-profile",
        "write read-profiles",
    ),
    Case(
        "a permission that its role cannot use on a line of its own",
        {" [read-profiles]\n": lines("read-profiles", "send-campaigns")},
        r.PERMISSION_SCOPES,
        "campaigns:write",
        "add campaigns:write",
    ),
    Case(
        "a need that its role lacks on a line of its own",
        {f" {NEEDS}\n": lines("lists:read", "profiles:read", "flows:read")},
        r.SERVICE_SCOPES,
        "flows:read",
        "add flows:read",
    ),
    Case(
        "an excess scope on a line of its own",
        {f" {SUPPORT_SCOPES}\n": lines("profiles:read", "lists:read", "flows:read")},
        r.EXCESS,
        "flows:read",
        "say why",
    ),
    Case(
        "one of several roles is the custodian",
        {
            "[sender, support]": "[support, custodian] # here",
            "role: support": "roles: [support, sender]\n    reason: r",
        },
        r.CUSTODIAN_ALONE,
        "custodian",
        "name another role",
    ),
    Case(
        "a reason for what the custodian's duty needs",
        {CUSTODIAN: f"{CUSTODIAN}    reasons:\n      credentials:read: x # here\n"},
        r.POINTLESS_REASON,
        "credentials:read",
        "take the reason out",
    ),
    Case(
        "one role, and no custodian",
        {
            "roles:\n": "roles: # here\n",
            RIGHT[RIGHT.index("  sender:") : RIGHT.index("services:")]: "",
            "roles: [sender, support]": "role: support",
            "    reason: It looks people up before it sends\n": "",
        },
        r.ONE_CUSTODIAN,
        "no custodian",
        "custodian: true",
    ),
]

CASES = [*SHAPE, *SCOPES, *RELATIONS, *SUSPICIOUS, *ENTRIES]
