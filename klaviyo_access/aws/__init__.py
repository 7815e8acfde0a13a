"""How AWS is found and asked: region, endpoint and credentials as botocore finds them, and signed requests in JSON.

What AWS did not do comes back as a value, a `Refusal`: an exception would carry the frames that saw secrets. Each room
makes an error of its own of it. Importing this package imports the standard library alone.
"""
