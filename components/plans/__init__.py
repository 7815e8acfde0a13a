"""What each component is made of, from the access model and a stack's settings: `plan`, and a module a large part."""
