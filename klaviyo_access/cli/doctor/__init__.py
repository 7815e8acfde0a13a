"""What is wrong with a set-up, and what to do about it: `caller` looks from this side, the others at what is deployed.

Each subject is a module with a table of checks. A check is a function from what there is to see to what is wrong.
"""
