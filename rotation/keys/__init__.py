"""What is known and done of one role's keys, whatever the action.

`role_keys` is what every action works on: the two secrets, Klaviyo, the clock. `values` reads and makes what secrets
hold, `live` says what is in use, `control` whether a 401 means its key, `undecryptable` what nobody can read any more;
`verdicts` are passed on keys, for which `room` is made among AWS's 20 labels.
"""
