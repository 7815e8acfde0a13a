"""The Lambdas: a rotator for each role and each webhook, the auditor, the redeployer. Beside Python botocore alone.

`rotator` is the entry of a role's rotator, which Secrets Manager, operators and the auditor call (`events` says for
what); `actions/` is what it does, on the role's `keys/`. `webhooks/` changes webhooks' secrets, `auditor/` looks after
all roles once a day, `redeployer` has ECS replace the tasks of services whose key was injected. All run on `runtime/`;
the rotators share `serving`, `report` and `store`, and everybody `errors`.
"""
