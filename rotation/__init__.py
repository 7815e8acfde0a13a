"""The Lambdas: a rotator for each role and each webhook, the auditor, the redeployer. Beside Python botocore alone.

`rotator` is the entry of a role's rotator, which Secrets Manager, operators and the auditor call (`events` says for
what); `actions/` is what it does. It works with `role_keys` (the two secrets, Klaviyo, the clock), `live`, `verdicts`,
`room` (among AWS's 20 labels), `settings` and `values`. `webhooks/` changes webhooks' secrets, `auditor/` looks after
all roles once a day, `redeployer` has ECS replace the tasks of services whose key was injected. All share `entry`,
`report`, `store`, `clients`, `log` and `errors`.
"""
