"""The Lambdas: a rotator for each role and each webhook, the auditor, the redeployer. Beside Python botocore alone.

`rotator` promotes a role's spare key and does what operators and the auditor ask for (`events` says what that is):
`healing` comes first in every run, `promotion` has the four steps of a rotation, `fall_back` canary and roll-back,
`disabling`, `death` and `leak` the end of a key, `wedge` the end of a rotation that nobody finishes, `adoption` a key
that somebody else put. They share `role_keys` (the two secrets, Klaviyo, the clock), `verdicts`, `room` (among AWS's 20
labels), `settings` and `values`.
`webhook_rotator` changes a webhook's secret: `webhook_change` (the four steps), `webhook_klaviyo` and
`webhook_settings`. Both share `entry`, `events`, `report`, `store`, `clients`, `log` and `errors`.
`auditor` looks after all roles once a day: `auditor_round` goes through them, `auditor_sight` reads labels,
`auditor_rotators` asks rotators, `auditor_trail` CloudTrail and `auditor_inventory` Klaviyo's list of keys,
`auditor_checks` and `auditor_findings` say what is wrong, `auditor_disposal` ends a key. `redeployer` has ECS replace
the tasks of services whose key was injected.
"""
