"""Who calls: signatures, credentials, and the roles behind them."""
