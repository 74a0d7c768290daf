"""The page in the browser, and the API for programs."""
