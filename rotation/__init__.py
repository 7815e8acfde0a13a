"""The rotator: the Lambda, one for each role, that promotes a spare key. Standard library and boto3 only.

`rotator` is the entry; each action has a module of its own: `promotion` (the four steps of a rotation) and `healing`
(what comes first in every run). They share `role_keys` (the two secrets, Klaviyo, the clock), `events`, `settings`,
`values`, `store` and `errors`.
"""
