"""What a preview says and refuses before anything is built: `target` asks, the others judge."""
