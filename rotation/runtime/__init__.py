"""What every function of the bundle runs on: `entry` (its errors, its context, the time), `clients` of AWS's services,
the `variables` that it was deployed with, and its `log`."""
