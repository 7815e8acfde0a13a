"""What a rotator does with a role's keys, an action a module; each is a critical section that a kill may end anywhere.

`healing` comes first in every run and puts right what was left; `promotion` has the four steps of a rotation,
`fall_back` canary and roll-back, `disabling`, `death` and `leak` the end of a key, `wedge` the end of a rotation that
nobody finishes, `adoption` a key that somebody else put.
"""
