"""The auditor: once a day it looks after every role's keys, and ends those that are to end.

`entry` is what Lambda calls, `round` goes through the roles: `sight` reads labels, `rotators` asks rotators, `trail`
CloudTrail and `inventory` Klaviyo's list of keys; `checks` and `findings` say what is wrong, `disposal` ends a key.
"""
