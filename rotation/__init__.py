"""The rotators: the Lambdas, one for each role and one for each webhook. Standard library and boto3 only.

`rotator` promotes a role's spare key and does what operators and the auditor ask for (`events` says what that is):
`healing` comes first in every run, `promotion` has the four steps of a rotation, `fall_back` canary and roll-back,
`disabling`, `death` and `leak` the end of a key, `wedge` the end of a rotation that nobody finishes, `adoption` a key
that somebody else put. They share `role_keys` (the two secrets, Klaviyo, the clock), `verdicts`, `room` (among AWS's 20
labels), `settings` and `values`.
`webhook_rotator` changes a webhook's secret: `webhook_change` (the four steps), `webhook_klaviyo` and
`webhook_settings`. Both share `entry`, `events`, `report`, `store`, `log` and `errors`.
"""
