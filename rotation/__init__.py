"""The rotators: the Lambdas, one for each role and one for each webhook. Standard library and boto3 only.

`rotator` promotes a role's spare key; each of its actions has a module of its own: `promotion` (the four steps of a
rotation) and `healing` (what comes first in every run). They share `role_keys` (the two secrets, Klaviyo, the clock),
`settings` and `values`. `webhook_rotator` changes a webhook's secret: `webhook_change` (the four steps),
`webhook_klaviyo` and `webhook_settings`. Both share `entry`, `events`, `store`, `log` and `errors`.
"""
