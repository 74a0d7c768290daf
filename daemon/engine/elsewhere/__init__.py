"""The engine elsewhere: a child that passes chunks on to a server of OpenAI's API."""
